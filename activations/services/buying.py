"""Buying a number: quote, set the money aside, call the provider, settle what it answers."""

from dataclasses import dataclass

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from activations.errors import InvalidCountry, InvalidService, NoNumbersAvailable, ProviderRefused
from activations.models import Activation
from activations.providers import OutcomeUnknown, ProviderError, provider_for
from activations.services import numbers, settlement
from activations.services.resolving import resolve
from catalog.models import Country, Offer, Service
from catalog.services.pricing import quote
from catalog.services.resolution import Quote
from config.errors import DomainError
from wallets.services import Buyer

log = structlog.get_logger(__name__)

Status = Activation.Status


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
    """Bring an order that was begun before as far as it goes now."""
    if activation.status == Status.REQUESTED:
        return _place(activation)
    if activation.status == Status.CALLING and _deadline_passed(activation):
        return resolve(activation)
    if activation.status == Status.CALLING:
        numbers.start_calling(activation)  # raises RequestInProgress
    if activation.status == Status.UNKNOWN:
        return resolve(activation)
    return activation


def _deadline_passed(activation: Activation) -> bool:
    return activation.call_deadline_at is not None and activation.call_deadline_at <= timezone.now()


def _candidates(buyer: Buyer, wish: Wish) -> list[Quote[Offer]]:
    """The cheapest offers: more than one only where they cost the same, so the price shown is the price taken."""
    service = Service.objects.filter(slug=wish.service, is_active=True).first()
    if service is None:
        raise InvalidService
    country = Country.objects.filter(code=wish.country.upper(), is_enabled=True).first()
    if country is None:
        raise InvalidCountry
    quotes = quote(customer_id=buyer.customer_id, service=service, country=country, currency=buyer.currency)
    if not quotes:
        raise InvalidCountry
    return [found for found in quotes if found.amount == quotes[0].amount]


def _request(buyer: Buyer, wish: Wish, found: Quote[Offer], idempotency_key: str | None) -> Activation:
    """Transaction 1: the order and its money, in one commit. No provider has heard of it yet."""
    try:
        with transaction.atomic():
            activation = Activation.objects.create(
                customer_id=buyer.customer_id,
                wallet_id=buyer.wallet_id,
                credential=buyer.credential,
                mode=buyer.mode,
                idempotency_key=idempotency_key,
                service=found.offer.service,
                country=found.offer.country,
                offer=found.offer,
                provider=found.offer.provider if buyer.moves_money else "sandbox",
                area_code=wish.area_code,
                carrier=wish.carrier,
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
    except IntegrityError:
        # A concurrent repeat of the same request was first.
        earlier = _earlier(buyer, idempotency_key) if idempotency_key else None
        if earlier is None:
            raise
        return earlier


def _place(activation: Activation) -> Activation:
    """Call the provider once, outside any transaction, and settle what it answers."""
    if not numbers.start_calling(activation):
        activation.refresh_from_db()
        return resume(activation)
    try:
        given = provider_for(activation.provider).order(
            numbers.request_of(activation), deadline_seconds=settings.PROVIDER_DEADLINE_SECONDS
        )
    except ProviderError as refusal:
        numbers.fail(activation.pk, refusal.code)
        raise refusal_of(refusal) from refusal
    except OutcomeUnknown:
        log.warning("provider outcome unknown", activation=activation.pk, provider=activation.provider)
        return numbers.mark_unknown(activation.pk)
    except Exception:
        # A provider's bug is no answer: what it did is not known.
        log.exception("provider call failed", activation=activation.pk, provider=activation.provider)
        return numbers.mark_unknown(activation.pk)
    return numbers.give_number(activation.pk, given)


def refusal_of(error: ProviderError) -> DomainError:
    return NoNumbersAvailable() if error.code == NoNumbersAvailable.code else ProviderRefused()


def _earlier(buyer: Buyer, idempotency_key: str) -> Activation | None:
    found = Activation.objects.filter(customer_id=buyer.customer_id, idempotency_key=idempotency_key)
    return found.exclude(status=Status.FAILED).select_related("service", "country").first()
