"""The copy of a key that signs SMSGig webhooks.

That contract signs with the API key itself, of which only a digest is kept. So a key whose owner wants such
webhooks keeps an encrypted copy, for signing alone: never shown, never logged, gone when the key is revoked.
"""

import hmac
from collections.abc import Callable

import structlog
from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string

from apikeys.models import ApiKey
from apikeys.services import secret
from config.encryption import Unreadable, decrypt, encrypt
from config.errors import InvalidInput

NOT_THE_KEY = "This is not the key, or the key is revoked."

log = structlog.get_logger(__name__)


def keep_copy(*, key: ApiKey, plain: str, actor: str) -> ApiKey:
    """Keep an encrypted copy of a key whose plain form is at hand. Repeating it is fine. Raises InvalidInput."""
    kept = is_plain_of(plain, key) and ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(
        signing_copy=encrypt(plain)
    )
    if not kept:
        raise InvalidInput({"key": [NOT_THE_KEY]})
    log.info("API key signs webhooks", key=key.public_id, actor=actor)
    key.refresh_from_db(fields=["signing_copy"])
    return key


@transaction.atomic
def drop_copy(*, key: ApiKey, actor: str) -> ApiKey:
    """Keep no copy any longer, here or with the endpoints that sign with it; repeating it changes nothing."""
    if ApiKey.objects.filter(pk=key.pk).exclude(signing_copy="").update(signing_copy=""):
        log.info("API key signs webhooks no more", key=key.public_id, actor=actor)
    forget(key)
    key.refresh_from_db(fields=["signing_copy"])
    return key


def forget(key: ApiKey) -> None:
    """Have the apps above remove their copies of a key (settings.KEY_FORGETTERS), in this transaction."""
    for path in settings.KEY_FORGETTERS:
        forgetter: Callable[..., int] = import_string(path)
        forgetter(public_id=key.public_id)


def signing_key(*, customer_id: int, calling: str, sent: str | None = None, key_id: int | None = None) -> str:
    """The plain key that a new SMSGig endpoint of this customer signs with.

    The one that was sent; else the copy that key `key_id` keeps; else the one the request was made with.
    Raises InvalidInput for a key that is not the customer's own, is revoked, or keeps no copy.
    """
    mine = ApiKey.objects.filter(customer_id=customer_id, revoked_at=None)
    if sent is not None:
        if not secret.is_well_formed(sent) or not mine.filter(digest__in=secret.digests(sent)).exists():
            raise InvalidInput({"signing_key": [NOT_THE_KEY]})
        return sent
    if key_id is None:
        return calling
    found = mine.filter(pk=key_id).exclude(signing_copy="").first()
    if found is None:
        raise InvalidInput({"signing_key_id": ["This key keeps no copy that could sign."]})
    try:
        return decrypt(found.signing_copy)
    except Unreadable:
        raise InvalidInput({"signing_key_id": ["The copy cannot be read any more. Send the key itself."]}) from None


def is_plain_of(plain: str, key: ApiKey) -> bool:
    return secret.is_well_formed(plain) and any(
        hmac.compare_digest(digest, key.digest) for digest in secret.digests(plain)
    )
