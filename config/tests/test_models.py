"""Foreign keys run downward too, the ones named by a string included."""

import pytest
from django.apps import apps

# What each app's tables may point to, besides themselves and Django's own.
BELOW = {
    "wallets": set(),
    "apikeys": {"wallets"},
    "catalog": {"wallets"},
    "notifications": {"wallets", "catalog"},
    "activations": {"wallets", "catalog", "notifications"},
}


def upward(below: dict[str, set[str]]) -> list[str]:
    return [
        f"{model._meta.label}.{field.name} → {field.related_model._meta.label}"
        for app in BELOW
        for model in apps.get_app_config(app).get_models(include_auto_created=True)
        for field in model._meta.get_fields()
        if field.is_relation and not field.auto_created and field.related_model
        if (target := field.related_model._meta.app_label) in BELOW and target not in below[app] | {app}
    ]


def test_no_foreign_key_points_upward():
    assert upward(BELOW) == []


def test_the_walk_sees_foreign_keys():
    assert any("→ wallets." in line for line in upward(BELOW | {"catalog": set(), "apikeys": set()}))


@pytest.mark.parametrize("app", BELOW)
def test_every_app_of_the_house_is_walked(app):
    assert apps.is_installed(app)
