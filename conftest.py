"""The suite runs on a real PostgreSQL of its own, without fsync, ended with the suite."""

import os
import signal
from collections.abc import Iterator

import django
import pytest
from django.conf import settings

from config import database, env
from tests.prepared import template

# A suite started in the background ignores Ctrl-C, and every process it starts inherits that: the tests that send one
# would wait for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)

os.environ.setdefault("SALDO_DATA", str(env.BASE_DIR / ".data" / "test"))
os.environ["SALDO_ENV"] = "test"
# Named here and not in pyproject.toml: pytest-django would import the settings before these lines.
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
for name, value in env.generated_secrets().items():
    os.environ.setdefault(name, value)
EMBEDDED = not os.environ.get("DATABASE_URL")
if EMBEDDED:
    database.join(database.embedded())
django.setup()
if EMBEDDED:
    settings.DATABASES["default"]["TEST"]["TEMPLATE"] = template()
# Argon2 takes a tenth of a second for every person a test makes; the running product in tests/ keeps it.
settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True, scope="session")
def _flush_may_truncate() -> Iterator[None]:
    """The books refuse TRUNCATE; the flush after `transaction=True` tests, and nothing else, may."""
    from django.db.backends.postgresql.operations import DatabaseOperations

    flush = DatabaseOperations.execute_sql_flush

    def allowed(operations: DatabaseOperations, statements: list[str]) -> None:
        # Django runs the list in one transaction, so SET LOCAL ends with it.
        flush(operations, ["SET LOCAL saldo.allow_truncate = 'on'", *statements] if statements else [])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "execute_sql_flush", allowed)
        yield
