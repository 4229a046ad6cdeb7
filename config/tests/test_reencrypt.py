"""A new encryption key in front, everything brought under it, and the old key may go."""

import pytest
from cryptography.fernet import Fernet
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db.models import TextField

from apikeys.models import ClientCredential
from apikeys.services.client_door import authenticate_client
from apikeys.services.client_tokens import make_token
from apikeys.tests.factories import make_client, make_customer

pytestmark = pytest.mark.django_db
OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


@pytest.fixture
def shown(settings):
    settings.ENCRYPTION_KEYS = [OLD]
    return make_client(make_customer(currency="GHS"))[1]


def opens(shown) -> bool:
    token = make_token(shown.app_secret_key, shown.client_secret)
    return bool(authenticate_client(client_id=shown.client_id, token=token, address="203.0.113.7"))


def test_after_it_the_old_key_may_go(shown, settings):
    settings.ENCRYPTION_KEYS = [NEW, OLD]
    for _ in range(2):
        call_command("reencrypt")
    settings.ENCRYPTION_KEYS = [NEW]
    assert opens(shown)


def test_what_cannot_be_read_is_named_and_left_and_the_rest_is_done(shown, settings):
    lost = ClientCredential.objects.get()
    settings.ENCRYPTION_KEYS = [NEW]
    later = make_client(lost.customer)[1]
    with pytest.raises(CommandError, match=f"apikeys.ClientCredential {lost.pk}"):
        call_command("reencrypt")
    assert opens(later)
    assert ClientCredential.objects.get(pk=lost.pk).encrypted_app_key == lost.encrypted_app_key


def test_every_column_that_says_it_is_encrypted_is_brought_along(settings):
    said = {
        f"{model._meta.label}.{field.name}"
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if isinstance(field, TextField) and ("encrypted" in field.name or field.help_text.startswith("Encrypted"))
    }
    assert said == set(settings.ENCRYPTED_COLUMNS)
