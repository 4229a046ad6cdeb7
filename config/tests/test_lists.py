"""Every list of the back office answers whatever is typed into its search box, its filters and its address."""

from itertools import cycle

import pytest
from django.contrib import admin
from django.contrib.admin import FieldListFilter
from django.contrib.auth import get_user_model
from django.core.checks import run_checks
from django.test import Client, RequestFactory
from django.urls import reverse

HOSTILE = ("'", '"', "\x00", "%", "\\", "9" * 30, "-1", "１２", "<script>", "a" * 5_000, "activation:" + "9" * 30, "#")
EVERYWHERE = ("p", "nonsense")
SEARCHES_OF_A_LIST = 2

pytestmark = pytest.mark.django_db

admin.autodiscover()


@pytest.fixture
def boss() -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_user("boss@example.com", is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def asked(boss):
    """A request as the lists see it, to ask them for their filters."""
    request = RequestFactory().get("/")
    request.user = get_user_model().objects.get()
    return request


def names_of(page, request) -> set[str]:
    """The parameters by which this list is filtered."""
    names = set(EVERYWHERE)
    for each in page.get_list_filter(request):
        found = each[0] if isinstance(each, tuple | list) else each
        name = getattr(found, "parameter_name", None) or found
        if isinstance(found, type) and issubclass(found, FieldListFilter):
            name = each[0]
        if isinstance(name, str):
            names |= {name, f"{name}__exact" if isinstance(found, str) else f"{name}_from"}
    return names


def test_djangos_own_checks_find_nothing_wrong_with_them():
    assert run_checks(tags=["admin"]) == []


@pytest.mark.parametrize("model", admin.site._registry, ids=lambda model: model._meta.label)
def test_it_survives_whatever_is_typed(boss, asked, model):
    page = admin.site._registry[model]
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    # Each list begins with other words: over all lists every word meets every kind of filter.
    words = cycle(HOSTILE[len(url) % len(HOSTILE) :] + HOSTILE[: len(url) % len(HOSTILE)])
    typed = [("q", next(words)) for _ in range(SEARCHES_OF_A_LIST)]
    typed += [(name, next(words)) for name in sorted(names_of(page, asked))]
    for name, word in typed:
        assert boss.get(url, {name: word}).status_code in {200, 302, 400, 403}, (name, word)
