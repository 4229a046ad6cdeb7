"""Webhook endpoints: made, changed, their secrets rotated, disabled, deleted, tried out."""

import base64
import secrets
from collections.abc import Iterable, Sequence
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from config.encryption import encrypt
from config.errors import InvalidInput
from notifications.errors import WrongState
from notifications.models import WebhookDelivery, WebhookEndpoint
from notifications.services.webhooks import samples
from notifications.services.webhooks.addresses import check_url
from notifications.services.webhooks.kinds import MESSAGE_KINDS, SMSGIG_KIND, check_kinds
from wallets.models import Customer
from wallets.services import emit

Disabled = WebhookEndpoint.Disabled
Format = WebhookEndpoint.Format

MOST_ENDPOINTS = 20
LONGEST_DESCRIPTION = 200
LONGEST_SIGNING_KEY = 200
SECRET_BYTES = 32
PUBLIC_CHARACTERS = 8  # of an API key: by these it is known
OVERLAP = timedelta(hours=24)


@transaction.atomic
def create_endpoint(
    *,
    customer_id: int,
    url: str,
    kinds: Iterable[str] = (),
    format: str = Format.STANDARD,  # noqa: A002
    description: str = "",
    signing_key: str = "",
    actor: str = "",
) -> tuple[WebhookEndpoint, str]:
    """Let a customer be told at `url`; returns the endpoint with its secret, which is shown nowhere again.

    `kinds` are the events it wants, none for every one of its format. `signing_key` is the API key that signs for
    SMSGig, which that format needs. Each call makes another endpoint. Raises InvalidInput, per field.
    """
    # Locked, so that two at once cannot both be the last that is allowed.
    Customer.objects.select_for_update(no_key=True).get(pk=customer_id)
    row = WebhookEndpoint(customer_id=customer_id, format=_known_format(format), created_by=actor[:80])
    if WebhookEndpoint.objects.kept().filter(customer_id=customer_id).count() >= MOST_ENDPOINTS:
        raise InvalidInput({"url": [f"A customer has at most {MOST_ENDPOINTS} endpoints."]})
    secret = new_secret()
    row.secret = encrypt(secret)
    _sign_with(row, signing_key)
    _describe(row, url=url, kinds=kinds, description=description)
    row.save()
    return row, secret


@transaction.atomic
def change_endpoint(
    *,
    endpoint: WebhookEndpoint,
    url: str | None = None,
    kinds: Iterable[str] | None = None,
    description: str | None = None,
    signing_key: str | None = None,
    enabled: bool | None = None,
) -> WebhookEndpoint:
    """Change what is given, enable or disable it for its customer; a format never changes.

    Raises InvalidInput, and WrongState where it cannot be enabled.
    """
    row = _lock(endpoint)
    if signing_key is not None:
        _sign_with(row, signing_key)
    _describe(
        row,
        url=row.url if url is None else url,
        kinds=row.kinds if kinds is None else kinds,
        description=row.description if description is None else description,
    )
    row.save(update_fields=["url", "kinds", "description", "signing_key", "signing_key_prefix"])
    if enabled is None:
        return row
    return enable_endpoint(endpoint=row) if enabled else disable_endpoint(endpoint=row)


@transaction.atomic
def rotate_secret(*, endpoint: WebhookEndpoint, overlap: timedelta = OVERLAP) -> tuple[WebhookEndpoint, str]:
    """Give it a new secret; the one before signs too for `overlap`. Each call makes another."""
    row = _lock(endpoint)
    secret = new_secret()
    row.previous_secret, row.secret = row.secret, encrypt(secret)
    row.previous_secret_until = timezone.now() + overlap
    row.save(update_fields=["secret", "previous_secret", "previous_secret_until"])
    return row, secret


@transaction.atomic
def enable_endpoint(*, endpoint: WebhookEndpoint) -> WebhookEndpoint:
    """Let it be told again, also of what still waited. Repeating it changes nothing.

    Raises WrongState where the API key that signs is gone.
    """
    row = _lock(endpoint)
    if not row.can_sign:
        raise WrongState("The API key that signed is gone. Give it another as signing_key.", status="unsigned")
    if not row.is_enabled:
        row.is_enabled, row.disabled_reason, row.disabled_at = True, "", None
        row.told_of_disabling_at = row.telling_until = row.failing_since = None
        row.save()
    return row


@transaction.atomic
def disable_endpoint(*, endpoint: WebhookEndpoint, reason: str = Disabled.BY_CUSTOMER) -> WebhookEndpoint:
    """Tell it nothing more; what waits goes on waiting, what happens from now on is never sent. Repeatable."""
    row = _lock(endpoint)
    if row.is_enabled:
        row.is_enabled, row.disabled_reason, row.disabled_at = False, reason, timezone.now()
        row.save(update_fields=["is_enabled", "disabled_reason", "disabled_at"])
    return row


@transaction.atomic
def delete_endpoint(*, endpoint: WebhookEndpoint) -> None:
    """End it for ever; its log stays for staff, its secrets do not. A tick discards what still waits for it."""
    row = WebhookEndpoint.objects.locked().get(pk=endpoint.pk)
    if row.deleted_at is None:
        row.deleted_at = timezone.now()
        row.disabled_at = row.disabled_at or row.deleted_at
        row.is_enabled, row.disabled_reason = False, row.disabled_reason or Disabled.BY_CUSTOMER
        row.secret = row.previous_secret = row.signing_key = ""
        row.save()


@transaction.atomic
def forget_signing_key(*, public_id: str) -> int:
    """Remove every copy of an API key that endpoints sign with; returns how many there were.

    They are disabled until they are given another key: their receivers know no other signature. Repeating it
    changes nothing.
    """
    held = WebhookEndpoint.objects.locked().filter(signing_key_prefix=public_id).exclude(signing_key="")
    rows = list(held.order_by("pk"))
    for row in rows:
        row.signing_key = ""
        if row.is_enabled:
            row.is_enabled, row.disabled_reason, row.disabled_at = False, Disabled.UNSIGNED, timezone.now()
        row.save(update_fields=["signing_key", "is_enabled", "disabled_reason", "disabled_at"])
    return len(rows)


@transaction.atomic
def send_test_event(*, endpoint: WebhookEndpoint) -> WebhookDelivery:
    """Send it a sample, signed as everything else is. Each call sends another.

    Raises WrongState where it is disabled, or its customer has left.
    """
    row = _lock(endpoint)
    require_listening(row)
    event = emit(
        customer_id=row.customer_id,
        kind="webhook.test",
        object_type="webhook_endpoint",
        object_id=row.pk,
        payload=samples.payload_for(row.format),
    )
    return WebhookDelivery.objects.create(endpoint=row, event=event, next_attempt_at=timezone.now())


def require_listening(endpoint: WebhookEndpoint) -> None:
    """Raises WrongState for an endpoint that is told nothing."""
    if not endpoint.is_enabled:
        raise WrongState("This endpoint is disabled.", status="disabled")
    if endpoint.customer.status == Customer.Status.CLOSED:
        raise WrongState("This endpoint's customer is closed.", status="closed")


def new_secret() -> str:
    """A secret as Standard Webhooks writes it: 256 random bits."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def _lock(endpoint: WebhookEndpoint) -> WebhookEndpoint:
    row = WebhookEndpoint.objects.locked().get(pk=endpoint.pk)
    if row.deleted_at is not None:
        raise WrongState("This endpoint was deleted.", status="deleted")
    return row


def _describe(row: WebhookEndpoint, *, url: str, kinds: Iterable[str], description: str) -> None:
    if len(description) > LONGEST_DESCRIPTION:
        raise InvalidInput({"description": [f"At most {LONGEST_DESCRIPTION} characters."]})
    row.url = check_url(url)
    row.kinds = _kinds_for(row.format, check_kinds(kinds))
    row.description = description


def _kinds_for(shape: str, kinds: Sequence[str]) -> list[str]:
    """What a foreign format can say at all: SMSGig codes, SMSGist messages."""
    sayable = {Format.SMSGIG: (SMSGIG_KIND,), Format.SMSGIST: MESSAGE_KINDS}.get(Format(shape))
    if sayable is None:
        return list(kinds)
    if set(kinds) - set(sayable):
        raise InvalidInput({"events": [f"This format tells of {', '.join(sayable)} only."]})
    return list(kinds or sayable)


def _known_format(name: str) -> str:
    if name not in Format.values:
        raise InvalidInput({"format": [f"A format is one of {', '.join(Format.values)}."]})
    return name


def _sign_with(row: WebhookEndpoint, signing_key: str) -> None:
    if row.format != Format.SMSGIG:
        if signing_key:
            raise InvalidInput({"signing_key": ["Only the SMSGig format signs with an API key."]})
        return
    if not signing_key or len(signing_key) > LONGEST_SIGNING_KEY:
        raise InvalidInput({"signing_key": ["Give the API key that signs, as SMSGig's signature needs it."]})
    row.signing_key, row.signing_key_prefix = encrypt(signing_key), signing_key[:PUBLIC_CHARACTERS]
