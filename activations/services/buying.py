"""Buying a number: quote, set the money aside, call the provider, settle what it answers."""

from dataclasses import dataclass
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from activations.errors import NoNumbersAvailable, ProviderRefused, RequestInProgress
from activations.models import Activation
from activations.providers import SANDBOX, OutcomeUnknown, ProviderError, provider_for
from activations.services import numbers, settlement
from activations.services.resolving import resolve
from activations.services.stock import cheapest, for_sale
from catalog.errors import InvalidCountry
from catalog.models import Country, Offer, Service
from catalog.services.lookup import find_country, find_service
from catalog.services.pricing import quote
from catalog.services.resolution import Quote
from config.errors import DomainError
from wallets.services import Buyer

log = structlog.get_logger(__name__)

Status = Activation.Status

# As long as the door keeps a key: after that, it is a new one.
KEY_KEPT = timedelta(hours=24)
AREA_CODE_DIGITS = 8


@dataclass(frozen=True)
class Wish:
    """What is wanted. `area_code` and `carrier` are preferences, never filters."""

    service: str
    country: str
    settlement: str = Activation.Settlement.ON_DELIVERY
    area_code: str = ""
    carrier: str = ""


def buy(*, buyer: Buyer, wish: Wish, idempotency_key: str | None = None) -> Activation:
    """Rent a number at the lowest price this customer has for it now.

    The price is held (or charged, by the wish's settlement) before a provider is asked, and given
    back when it says no. The answer is `waiting` with a number, or `unknown` when nobody knows
    what the provider did: the sweeper finds out.
    Repeating it with the same idempotency key returns the same order, and goes on with one that
    a crash left behind. Raises InvalidService, InvalidCountry, InsufficientFunds,
    NoNumbersAvailable, ProviderRefused, RequestInProgress.
    """
    if idempotency_key is not None:
        earlier = _earlier(buyer, idempotency_key)
        if earlier is not None:
            return resume(earlier)
    refusal: DomainError = NoNumbersAvailable()
    for candidate in _candidates(buyer, wish):
        try:
            return _place(_request(buyer, wish, candidate, idempotency_key))
        except NoNumbersAvailable as empty:
            refusal = empty
    raise refusal


def resume(activation: Activation) -> Activation:
    """Bring an order that was begun before as far as it goes now; raises as `buy` where that is a no."""
    if activation.status == Status.REQUESTED:
        return _place(activation)
    if activation.status in Activation.UNSETTLED:
        activation = resolve(activation)
    if activation.status == Status.CALLING:
        raise RequestInProgress(retry_after_seconds=1, id=activation.pk)
    return _given(activation)


def _given(activation: Activation) -> Activation:
    """The order, unless it came to nothing. Raises NoNumbersAvailable, ProviderRefused."""
    if activation.status == Status.FAILED:
        raise refusal_of(activation.failure)
    return activation


def _candidates(buyer: Buyer, wish: Wish) -> list[Quote[Offer]]:
    """The cheapest offers: more than one only where they cost the same, so the price shown is the price taken."""
    service, country = find_service(wish.service), find_country(wish.country)
    quotes = quote(customer_id=buyer.customer_id, service=service, country=country, currency=buyer.currency)
    if not quotes:
        raise _why_none(service, country)
    return cheapest(for_sale(quotes, buyer))


def _why_none(service: Service, country: Country) -> DomainError:
    """Sold out is not the same as not sold."""
    sold_out = Offer.objects.filter(service=service, country=country, is_active=True, stock=0)
    return NoNumbersAvailable() if sold_out.exists() else InvalidCountry()


def _request(buyer: Buyer, wish: Wish, found: Quote[Offer], idempotency_key: str | None) -> Activation:
    """Transaction 1: the order and its money, in one commit. No provider has heard of it yet.

    Where a concurrent repeat of the same request was first, its order.
    """
    try:
        return _insert(buyer, wish, found, idempotency_key)
    except IntegrityError:
        earlier = _earlier(buyer, idempotency_key) if idempotency_key else None
        # None: the other came to nothing meanwhile, and has given the key free.
        return earlier or _insert(buyer, wish, found, idempotency_key)


@transaction.atomic
def _insert(buyer: Buyer, wish: Wish, found: Quote[Offer], idempotency_key: str | None) -> Activation:
    area_code = wish.area_code if wish.area_code.isascii() and wish.area_code.isdigit() else ""
    activation = Activation.objects.create(
        customer_id=buyer.customer_id,
        wallet_id=buyer.wallet_id,
        credential=buyer.credential,
        mode=buyer.mode,
        idempotency_key=idempotency_key,
        service=found.offer.service,
        country=found.offer.country,
        offer=found.offer,
        provider=found.offer.provider if buyer.moves_money else SANDBOX,
        area_code=area_code if len(area_code) <= AREA_CODE_DIGITS else "",
        carrier=wish.carrier[:64],
        settlement=wish.settlement,
        price=found.amount,
        currency=found.currency,
        original_amount=found.original_amount,
        original_currency=found.original_currency,
        rate=found.rate,
        cost=found.offer.cost,
        cost_currency=found.offer.cost_currency,
        ttl_seconds=found.offer.ttl_seconds,
        multiple_sms=found.offer.multiple_sms,
        due_at=timezone.now() + numbers.FIRST_ASK,
    )
    settlement.reserve(activation)
    activation.save(update_fields=["hold", "charge"])
    return activation


def _place(activation: Activation) -> Activation:
    """Call the provider once, outside any transaction, and settle what it answers."""
    if not numbers.start_calling(activation):
        activation.refresh_from_db()
        return resume(activation)
    try:
        given = provider_for(activation.provider).order(
            numbers.request_of(activation), deadline_seconds=settings.PROVIDER_DEADLINE_SECONDS
        )
        placed = numbers.give_number(activation.pk, given)
    except ProviderError as refusal:
        placed = numbers.fail(activation.pk, refusal.code)
    except OutcomeUnknown:
        log.warning("provider outcome unknown", activation=activation.pk, provider=activation.provider)
        placed = numbers.mark_unknown(activation.pk)
    except Exception:
        # A provider's bug is no answer: what it did is not known.
        log.exception("provider call failed", activation=activation.pk, provider=activation.provider)
        placed = numbers.mark_unknown(activation.pk)
    return _given(placed)


def refusal_of(code: str) -> DomainError:
    """What a buyer is told of an order that came to nothing, by its `failure`."""
    return NoNumbersAvailable() if code == NoNumbersAvailable.code else ProviderRefused()


def _earlier(buyer: Buyer, idempotency_key: str) -> Activation | None:
    """The order this key has made. A key older than a day is a new one, and its old order gives it up."""
    mine = Activation.objects.filter(customer_id=buyer.customer_id, idempotency_key=idempotency_key)
    found = mine.exclude(status=Status.FAILED).select_related("service", "country").first()
    # Counted from the answer: an order that nobody knew the outcome of was not answered before.
    if found is None or found.started_at is None or found.started_at > timezone.now() - KEY_KEPT:
        return found
    mine.filter(pk=found.pk).update(idempotency_key=None)
    return None
