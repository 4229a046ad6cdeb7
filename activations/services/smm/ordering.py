"""Ordering: quote, charge, call the provider, settle what it answers."""

import unicodedata
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from activations.errors import RequestInProgress, SmmOrderRefused
from activations.models import SmmOrder
from activations.models.smm import LONGEST_LINK
from activations.providers.smm import SANDBOX, OutcomeUnknown, ProviderError, provider_for
from activations.services.numbers import FIRST_ASK
from activations.services.smm import money, orders
from activations.services.smm.resolving import resolve
from catalog.models import SmmService
from catalog.models.smm import SmmServiceQuerySet
from catalog.services.resolution import Quote
from catalog.services.smm import price_of, quote_smm
from config.errors import InvalidInput
from wallets.services import Buyer
from wallets.services.amounts import is_money

log = structlog.get_logger(__name__)

Status = SmmOrder.Status

# As long as the door keeps a key: after that, it is a new one.
KEY_KEPT = timedelta(hours=24)


@dataclass(frozen=True)
class Wish:
    """What is wanted: so many of a service's units, for a link."""

    service_id: int
    link: str
    quantity: int


def place(*, buyer: Buyer, wish: Wish, idempotency_key: str | None = None) -> SmmOrder:
    """Order `wish` at this customer's rate of now: rate × quantity / 1,000 is charged at once.

    The charge comes before the provider is asked, and goes back when it says no. The answer is `pending`, or
    `unknown` when nobody knows what the provider did. Repeating it with the same idempotency key returns the
    same order, and goes on with one that a crash left behind. Raises InvalidInput, InsufficientFunds,
    NoExchangeRate, SmmOrderRefused, RequestInProgress.
    """
    if idempotency_key is not None:
        earlier = _earlier(buyer, idempotency_key)
        if earlier is not None:
            return resume(earlier)
    return _call(_request(buyer, wish, _quote(buyer, wish), idempotency_key))


def resume(order: SmmOrder) -> SmmOrder:
    """Bring an order that was begun before as far as it goes now; raises as `place` where that is a no."""
    if order.status == Status.REQUESTED:
        return _call(order)
    if order.status in SmmOrder.UNSETTLED:
        order = resolve(order)
    if order.status == Status.CALLING:
        raise RequestInProgress(retry_after_seconds=1, id=order.pk)
    return _placed(order)


def services_for(moves_money: bool) -> SmmServiceQuerySet:
    """What may be ordered. A pretend service is never sold for real money where the sandbox is off."""
    found = SmmService.objects.sellable()
    return found if settings.SANDBOX or not moves_money else found.exclude(provider=SANDBOX)


def _placed(order: SmmOrder) -> SmmOrder:
    """The order, unless the provider never took it. Raises SmmOrderRefused."""
    if order.status == Status.FAILED and order.placed_at is None:
        raise SmmOrderRefused
    return order


def _quote(buyer: Buyer, wish: Wish) -> Quote[SmmService]:
    wanted = services_for(buyer.moves_money).filter(pk=wish.service_id)
    quotes = quote_smm(wanted, customer_id=buyer.customer_id, currency=buyer.currency)
    if not quotes:
        raise InvalidInput({"smm_service_id": ["There is no such service."]})
    found = quotes[0]
    errors = {"link": _wrong_with_link(wish.link), "quantity": _wrong_with_quantity(found, wish.quantity)}
    if any(errors.values()):
        raise InvalidInput({name: [says] for name, says in errors.items() if says})
    return found


def _wrong_with_link(link: str) -> str:
    """Why a link cannot be ordered for; "" where it can."""
    if len(link) > LONGEST_LINK:
        return f"At most {LONGEST_LINK} characters."
    # Control and format characters, white space, halves of surrogate pairs.
    if any(unicodedata.category(letter)[0] in "CZ" for letter in link):
        return "A link holds no white space and no control characters."
    try:
        parts = urlsplit(link)
        is_web = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_web = False
    return "" if is_web else "An http or https link, such as https://instagram.com/example."


def _wrong_with_quantity(found: Quote[SmmService], quantity: int) -> str:
    low, high = found.offer.min_quantity, found.offer.max_quantity
    if not low <= quantity <= high:
        return f"Between {low} and {high}."
    price = price_of(found.amount, quantity)
    return "" if price > 0 and is_money(price) else "Nothing can be charged for this quantity."


def _request(buyer: Buyer, wish: Wish, found: Quote[SmmService], idempotency_key: str | None) -> SmmOrder:
    """Transaction 1: the order and its charge, in one commit. No provider has heard of it yet.

    Where a concurrent repeat of the same request was first, its order.
    """
    try:
        return _insert(buyer, wish, found, idempotency_key)
    except IntegrityError:
        earlier = _earlier(buyer, idempotency_key) if idempotency_key else None
        # None: the other came to nothing meanwhile, and has given the key free.
        return earlier or _insert(buyer, wish, found, idempotency_key)


@transaction.atomic
def _insert(buyer: Buyer, wish: Wish, found: Quote[SmmService], idempotency_key: str | None) -> SmmOrder:
    service = found.offer
    order = SmmOrder.objects.create(
        customer_id=buyer.customer_id,
        wallet_id=buyer.wallet_id,
        credential=buyer.credential,
        mode=buyer.mode,
        idempotency_key=idempotency_key,
        service=service,
        link=wish.link,
        quantity=wish.quantity,
        provider=service.provider if buyer.moves_money else SANDBOX,
        price=price_of(found.amount, wish.quantity),
        rate_per_thousand=found.amount,
        currency=found.currency,
        original_amount=max(price_of(found.original_amount, wish.quantity), Decimal("0.000001")),
        original_currency=found.original_currency,
        rate=found.rate,
        cost=price_of(service.cost, wish.quantity),
        cost_currency=service.cost_currency,
        due_at=timezone.now() + FIRST_ASK,
    )
    money.take(order)
    order.save(update_fields=["charge"])
    return order


def _call(order: SmmOrder) -> SmmOrder:
    """Call the provider once, outside any transaction, and settle what it answers."""
    if not orders.start_calling(order):
        return resume(SmmOrder.objects.select_related("service").get(pk=order.pk))
    try:
        provider_order_id = provider_for(order.provider).place(
            orders.request_of(order), deadline_seconds=settings.PROVIDER_DEADLINE_SECONDS
        )
        placed = orders.accept(order.pk, provider_order_id)
    except ProviderError as refusal:
        placed = orders.fail(order.pk, refusal.code)
    except OutcomeUnknown:
        log.warning("provider outcome unknown", order=order.pk, provider=order.provider)
        placed = orders.mark_unknown(order.pk)
    except Exception:
        # A provider's bug is no answer: what it did is not known.
        log.exception("provider call failed", order=order.pk, provider=order.provider)
        placed = orders.mark_unknown(order.pk)
    return _placed(placed)


def _earlier(buyer: Buyer, idempotency_key: str) -> SmmOrder | None:
    """The order this key has made. A key older than a day is a new one, and its old order gives it up."""
    mine = SmmOrder.objects.filter(customer_id=buyer.customer_id, idempotency_key=idempotency_key)
    found = mine.exclude(status=Status.FAILED).select_related("service").first()
    # Counted from the answer: an order that nobody knew the outcome of was not answered before.
    if found is None or found.placed_at is None or found.placed_at > timezone.now() - KEY_KEPT:
        return found
    mine.filter(pk=found.pk).update(idempotency_key=None)
    return None
