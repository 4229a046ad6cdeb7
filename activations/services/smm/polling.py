"""Asking providers about running orders, up to 100 in one question."""

import time
from collections.abc import Mapping
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from activations.models import SmmOrder
from activations.providers.smm import OrderReport, OutcomeUnknown, ProviderError, provider_for
from activations.providers.smm.base import BATCH
from activations.services.numbers import claim_seconds
from activations.services.smm import orders

log = structlog.get_logger(__name__)

TICK_SECONDS = 30


def poll_due() -> int:
    """Ask about every running order whose time has come; returns how many were asked about.

    A batch is claimed before it is asked about, so a second run at once takes others, and one after
    a crash comes back to it when the claim has run out. Repeating it moves no money twice.
    """
    stop = time.monotonic() + TICK_SECONDS
    asked = 0
    while time.monotonic() < stop and (batch := _claim_batch()):
        asked += len(batch)
        _poll(batch)
    return asked


@transaction.atomic
def _claim_batch() -> list[SmmOrder]:
    """Up to 100 due orders of one provider, the longest waiting one's."""
    now = timezone.now()
    due = SmmOrder.objects.filter(due_at__lte=now, status__in=SmmOrder.RUNNING).order_by("due_at", "id")
    provider = due.values_list("provider", flat=True).first()
    if provider is None:
        return []
    free = due.filter(provider=provider).select_for_update(no_key=True, skip_locked=True, of=("self",))
    batch = list(free[:BATCH])
    SmmOrder.objects.filter(pk__in=[order.pk for order in batch]).update(
        due_at=now + timedelta(seconds=claim_seconds()), attempts=F("attempts") + 1
    )
    return batch


def _poll(batch: list[SmmOrder]) -> None:
    reports = ask(batch)
    # In id order, as rows of one kind are locked everywhere.
    for order in sorted(batch, key=lambda order: order.pk):
        try:
            report = reports.get(order.provider_order_id)
            if report is None:
                orders.look_again_later(order.pk)
            else:
                orders.take_report(order.pk, report)
        except Exception:
            # One bad order must not stop the others; it is due again after its claim runs out.
            log.exception("order could not be settled", order=order.pk)


def ask(batch: list[SmmOrder]) -> Mapping[str, OrderReport]:
    """What the provider of these orders says of them, by its ids; nothing where it does not answer."""
    provider = batch[0].provider
    try:
        return provider_for(provider).reports(
            [order.provider_order_id for order in batch], deadline_seconds=settings.PROVIDER_DEADLINE_SECONDS
        )
    except (ProviderError, OutcomeUnknown) as silence:
        log.warning("provider does not report", provider=provider, orders=len(batch), why=str(silence))
    except Exception:
        log.exception("provider could not be asked", provider=provider, orders=len(batch))
    return {}
