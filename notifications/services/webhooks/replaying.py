"""Sending again: one delivery, all that failed, or all of a range. The `webhook-id` stays, so receivers can tell."""

from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from config.errors import InvalidInput
from notifications.errors import WrongState
from notifications.models import WebhookDelivery, WebhookEndpoint
from notifications.services.webhooks.endpoints import require_listening

Status = WebhookDelivery.Status

MOST_AT_ONCE = 100_000


@transaction.atomic
def replay(*, delivery: WebhookDelivery) -> WebhookDelivery:
    """Send it again at once, from the beginning of its schedule, whatever became of it before.

    Raises WrongState where its endpoint is told nothing any more, or its content has been erased.
    """
    row = WebhookDelivery.objects.select_for_update(no_key=True, of=("self",)).get(pk=delivery.pk)
    require_listening(row.endpoint)
    if not row.event.payload:
        raise WrongState("The content of this event has been erased.", status="erased")
    _send_again(WebhookDelivery.objects.filter(pk=row.pk))
    row.refresh_from_db()
    return row


@transaction.atomic
def replay_many(
    *,
    endpoint: WebhookEndpoint,
    since: datetime | None = None,
    until: datetime | None = None,
    failed_only: bool = True,
) -> int:
    """Send again what failed (or, where asked, everything) of the events in [since, until); returns how many.

    What waits already and what was erased are left alone. Raises WrongState where the endpoint is told nothing
    any more, InvalidInput for a range of everything without a beginning, or of more than 100,000.
    """
    require_listening(endpoint)
    if not failed_only and since is None:
        raise InvalidInput({"since": ["Say since when, or replay only what failed."]})
    wanted = [Status.FAILED] if failed_only else [Status.FAILED, Status.SUCCEEDED]
    when = Q()
    if since is not None:
        when &= Q(created_at__gte=since)
    if until is not None:
        when &= Q(created_at__lt=until)
    found = WebhookDelivery.objects.filter(when, endpoint=endpoint, status__in=wanted).exclude(event__payload={})
    ids = list(found.order_by("id").values_list("pk", flat=True)[: MOST_AT_ONCE + 1])
    if len(ids) > MOST_AT_ONCE:
        raise InvalidInput({"since": [f"These are more than {MOST_AT_ONCE:,}. Give a shorter range."]})
    # In id order, as the dispatcher locks them.
    locked = WebhookDelivery.objects.select_for_update(no_key=True).filter(pk__in=ids, status__in=wanted)
    return _send_again(WebhookDelivery.objects.filter(pk__in=list(locked.order_by("id").values_list("pk", flat=True))))


def _send_again(rows: "QuerySet[WebhookDelivery]") -> int:
    return rows.update(status=Status.PENDING, tries=0, next_attempt_at=timezone.now(), closed_at=None)
