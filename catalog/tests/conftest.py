from collections.abc import Iterator

import pytest
from django.db import transaction

from catalog.demo import DemoCatalogue, ensure_demo_catalogue


@pytest.fixture(scope="module")
def demo(django_db_setup, django_db_blocker) -> Iterator[DemoCatalogue]:
    """The demo catalogue, loaded once for all tests of a file; what each of them changes is undone."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield ensure_demo_catalogue()
        transaction.set_rollback(True)
