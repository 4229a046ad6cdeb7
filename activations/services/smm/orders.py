"""An SMM order and its provider: what the provider's answers make of it.

Every change is "lock the row, look again, decide, write", so the request that called, the ticks, staff
and the client's repeat may all come at once. A final order stays what it is.
"""

from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from activations.errors import RequestInProgress
from activations.models import SmmOrder
from activations.providers.smm import PROVIDERS, OrderReport, SmmRequest
from activations.services.numbers import FIRST_ASK, GRACE, backoff, claim_seconds
from activations.services.smm import money
from wallets.services import emit

log = structlog.get_logger(__name__)

Status = SmmOrder.Status

STAFF_AFTER = timedelta(hours=24)
# An order that runs for days is asked about ever less often.
RARELY = timedelta(minutes=30)
AGE_SHARE = 20
PROVIDER = "system:provider"


def request_of(order: SmmOrder) -> SmmRequest:
    return SmmRequest(str(order.uuid), order.service.provider_service_id, order.link, order.quantity)


def is_being_called(order: SmmOrder, now: datetime) -> bool:
    """May a call of it be in flight?"""
    deadline = order.call_deadline_at
    return order.status == Status.CALLING and deadline is not None and deadline > now


def can_be_found(order: SmmOrder) -> bool:
    """Can its provider be asked by our reference?"""
    provider = PROVIDERS.get(order.provider)
    return provider is not None and provider.remembers_references


@transaction.atomic
def start_calling(order: SmmOrder) -> bool:
    """Take the right to call the provider; False when the order is past that.

    Raises RequestInProgress while another request's call may be in flight.
    """
    locked = SmmOrder.objects.locked().get(pk=order.pk)
    now = timezone.now()
    if is_being_called(locked, now):
        raise RequestInProgress(retry_after_seconds=1, id=locked.pk)
    if locked.status != Status.REQUESTED:
        return False
    locked.status = Status.CALLING
    locked.call_deadline_at = now + timedelta(seconds=settings.PROVIDER_DEADLINE_SECONDS) + GRACE
    locked.due_at = locked.call_deadline_at
    locked.save(update_fields=["status", "call_deadline_at", "due_at"])
    return True


@transaction.atomic
def take_over(order_id: int) -> SmmOrder:
    """Take the right to find out about an order nobody answered for.

    Afterwards one that was called is `unknown`; one that never was has failed, and whoever was about to
    call it comes too late. Whatever else it is, it stays.
    """
    locked = SmmOrder.objects.locked().get(pk=order_id)
    if locked.status == Status.REQUESTED:
        _close(locked, Status.FAILED, failure="provider_error", actor="task:sweeper")
    # Looked at again once locked: since it was found, somebody may have begun to call.
    elif locked.status in SmmOrder.UNSETTLED and not is_being_called(locked, timezone.now()):
        _become_unknown(locked, timedelta(seconds=claim_seconds()))
    return locked


@transaction.atomic
def mark_unknown(order_id: int) -> SmmOrder:
    """The call has ended and nobody knows whether the order was placed: the money stays until that is known."""
    locked = SmmOrder.objects.locked().get(pk=order_id)
    if locked.status == Status.CALLING:
        _become_unknown(locked, FIRST_ASK)
    return locked


def _become_unknown(locked: SmmOrder, ask_in: timedelta) -> None:
    """Asked about later; where the provider knows no reference of ours, staff are told at once."""
    locked.status = Status.UNKNOWN
    if can_be_found(locked):
        locked.due_at = timezone.now() + ask_in
    else:
        locked.due_at = None
        locked.needs_staff = True
    locked.save(update_fields=["status", "due_at", "needs_staff"])


@transaction.atomic
def accept(order_id: int, provider_order_id: str) -> SmmOrder:
    """The provider has taken the order: it is polled from now on. Repeating it is fine.

    Where the order is over, or has another id already, the second one is left to staff.
    Violates `smm_order_once_at_its_provider` for an id that another order has.
    """
    locked = SmmOrder.objects.locked().get(pk=order_id)
    if locked.status in SmmOrder.UNSETTLED:
        now = timezone.now()
        locked.status = Status.PENDING
        locked.provider_order_id = provider_order_id
        locked.placed_at = locked.reported_at = now
        locked.due_at = now + next_look(locked, now)
        locked.attempts = 0
        locked.needs_staff = False
        locked.save()
    elif locked.provider_order_id != provider_order_id:
        log.error("provider placed an order that is over", order=locked.pk, provider_order=provider_order_id)
        locked.contradiction = f"placed after all, as {provider_order_id}"[:100]
        locked.needs_staff = True
        locked.save(update_fields=["contradiction", "needs_staff"])
    return locked


@transaction.atomic
def fail(order_id: int, code: str, *, actor: str = PROVIDER) -> SmmOrder:
    """The provider certainly has no such order: all money goes back."""
    locked = SmmOrder.objects.locked().get(pk=order_id)
    if locked.status in SmmOrder.UNSETTLED:
        _close(locked, Status.FAILED, failure=code, actor=actor)
    return locked


@transaction.atomic
def take_report(order_id: int, report: OrderReport, *, actor: str = PROVIDER) -> SmmOrder:
    """Bring a running order to what its provider says, and settle its money where that is final.

    States only climb. Partial gives back what remains, canceled and failed give back all, once. What
    contradicts a final state moves no money: it is kept for staff, and logged. A partial one of which
    nobody says what remains is not settled.
    """
    locked = SmmOrder.objects.locked().get(pk=order_id)
    if locked.is_final:
        _note(locked, report)
    elif locked.status in SmmOrder.RUNNING:
        if report.status == Status.PARTIAL and report.remains is None:
            log.warning("partial order without what remains", order=locked.pk, provider=locked.provider)
            _look_again(locked)
        else:
            _advance(locked, report, actor)
    return locked


@transaction.atomic
def look_again_later(order_id: int) -> SmmOrder:
    """Nothing was found out: ask again, ever less often; after a day staff are told."""
    locked = SmmOrder.objects.locked().get(pk=order_id)
    if not locked.is_final:
        _look_again(locked)
    return locked


def next_look(order: SmmOrder, now: datetime) -> timedelta:
    """How long to leave a running order alone: the older it is, the longer."""
    return max(soonest(order), min((now - (order.placed_at or now)) / AGE_SHARE, RARELY))


def soonest(order: SmmOrder) -> timedelta:
    """How soon after a change it is worth asking about."""
    provider = PROVIDERS.get(order.provider)
    return timedelta(seconds=provider.poll_seconds if provider else 60)


def _look_again(locked: SmmOrder) -> None:
    now = timezone.now()
    locked.due_at = now + backoff(locked.attempts)
    locked.needs_staff = locked.needs_staff or (locked.reported_at or locked.created_at) < now - STAFF_AFTER
    locked.save(update_fields=["due_at", "needs_staff"])


def _advance(locked: SmmOrder, report: OrderReport, actor: str) -> None:
    before = (locked.status, locked.progress)
    now = timezone.now()
    _take_facts(locked, report)
    locked.reported_at = now
    locked.attempts = 0
    locked.needs_staff = False
    if report.status in SmmOrder.FINAL:
        failure = "provider_error" if report.status == Status.FAILED else ""
        _close(locked, report.status, failure=failure, actor=actor)
        return
    if report.status == Status.IN_PROGRESS:  # `pending` after it is only late
        locked.status = Status.IN_PROGRESS
    locked.due_at = now + next_look(locked, now)
    locked.save()
    if (locked.status, locked.progress) != before:
        _tell(locked)


def _take_facts(locked: SmmOrder, report: OrderReport) -> None:
    """What the report adds; what cannot be true is bounded by what was ordered."""
    if report.start_count is not None:
        locked.start_count = max(report.start_count, 0)
    if report.remains is not None:
        locked.remains = min(max(report.remains, 0), locked.quantity)
    if report.status == Status.COMPLETED:
        locked.remains = 0
    if report.cost is not None:
        locked.cost = report.cost
        locked.cost_currency = report.cost_currency or locked.cost_currency


def _close(locked: SmmOrder, status: SmmOrder.Status, *, failure: str, actor: str) -> None:
    """The end, with its money and its event."""
    if status == Status.PARTIAL:
        money.give_back_rest(locked, actor=actor)
    elif status in SmmOrder.GIVEN_BACK:
        money.give_back_all(locked, actor=actor)
    locked.status = status
    locked.failure = failure
    locked.closed_at = timezone.now()
    locked.due_at = None
    locked.attempts = 0
    locked.needs_staff = False
    locked.save()
    _tell(locked)


def _note(locked: SmmOrder, report: OrderReport) -> None:
    """A final order's later report: kept where it says otherwise."""
    says_other_rest = report.status == Status.PARTIAL and report.remains not in {None, locked.remains}
    if report.status == locked.status and not says_other_rest:
        return
    log.warning("report contradicts a final order", order=locked.pk, was=locked.status, says=report.status.value)
    rest = "" if report.remains is None else f", {report.remains} remain"
    locked.contradiction = f"{report.status.value}{rest}, {timezone.now():%Y-%m-%d %H:%M} UTC"[:100]
    locked.save(update_fields=["contradiction"])


def _tell(locked: SmmOrder) -> None:
    emit(
        customer_id=locked.customer_id,
        kind="smm_order.updated",
        object_type="smm_order",
        object_id=locked.pk,
        payload={
            "order_id": locked.pk,
            "smm_service_id": locked.service_id,
            "status": locked.status,
            "quantity": locked.quantity,
            "start_count": locked.start_count,
            "remains": locked.remains,
            "progress": locked.progress,
        },
    )
