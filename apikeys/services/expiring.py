"""Keys that are about to expire: their customers are told, once for each expiry."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from apikeys.models import ApiKey
from wallets.models import Event
from wallets.services import emit

TOLD_BEFORE = timedelta(days=7)
KIND = "api_key.expiring"
OBJECT = "api_key"


def tell_of_expiring_keys() -> int:
    """Write the event `api_key.expiring` for keys that expire within a week; returns how many. Safe twice at once.

    A key whose expiry is moved is told of again when the new one comes near.
    """
    now = timezone.now()
    near = ApiKey.objects.filter(revoked_at=None, expires_at__gt=now, expires_at__lte=now + TOLD_BEFORE)
    return sum(_tell(pk) for pk in near.order_by("expires_at").values_list("pk", flat=True))


@transaction.atomic
def _tell(key_id: int) -> bool:
    # Locked, so that a concurrent run waits here and then finds the event.
    key = ApiKey.objects.select_for_update(no_key=True, of=("self",)).get(pk=key_id)
    if key.expires_at is None or key.revoked_at is not None:
        return False
    expires_at = key.expires_at.isoformat()
    told = Event.objects.filter(object_type=OBJECT, object_id=key.pk, kind=KIND, payload__expires_at=expires_at)
    if told.exists():
        return False
    emit(
        customer_id=key.customer_id,
        kind=KIND,
        object_type=OBJECT,
        object_id=key.pk,
        payload={"id": key.pk, "name": key.name, "key_prefix": key.key_prefix, "expires_at": expires_at},
    )
    return True
