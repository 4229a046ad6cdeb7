"""Buying a monthly number: quote, charge one month, call the provider, begin or give back."""

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from activations.errors import NoNumbersAvailable, RequestInProgress
from activations.models import Subscription
from activations.providers import SANDBOX, OutcomeUnknown, ProviderError, provider_for
from activations.services.buying import KEY_KEPT, refusal_of
from activations.services.numbers import FIRST_ASK
from activations.services.subscriptions import money, numbers
from activations.services.subscriptions.inventory import in_stock
from catalog.models import Country
from catalog.services.number_plans import PlanQuote, quote_plans
from config.errors import DomainError, InvalidInput
from wallets.services import Buyer

log = structlog.get_logger(__name__)

Status = Subscription.Status


def purchase(
    *, buyer: Buyer, country: str, auto_renew: bool = False, idempotency_key: str | None = None
) -> Subscription:
    """Subscribe to a number of `country` at the lowest price this customer has for it now.

    One month is charged before a provider is asked, and given back in full when it says no. The answer is
    `active` with a number, or `unknown` when nobody knows what the provider did: a tick finds out.
    Repeating it with the same idempotency key within a day returns the same order, and goes on with one
    that a crash left behind. Raises InvalidInput for a country where none is sold, InsufficientFunds,
    NoNumbersAvailable, ProviderRefused, RequestInProgress.
    """
    if idempotency_key is not None:
        earlier = _earlier(buyer, idempotency_key)
        if earlier is not None:
            return resume(earlier)
    refusal: DomainError = NoNumbersAvailable()
    for candidate in _candidates(buyer, country):
        try:
            return _place(_request(buyer, candidate, auto_renew, idempotency_key))
        except NoNumbersAvailable as empty:
            refusal = empty
    raise refusal


def resume(subscription: Subscription) -> Subscription:
    """Bring an order that was begun before as far as it goes now; raises as `purchase` where that is a no."""
    if subscription.status == Status.REQUESTED:
        return _place(subscription)
    if subscription.status in Subscription.UNSETTLED:
        subscription = numbers.resolve(subscription)
    if subscription.status == Status.CALLING:
        raise RequestInProgress(retry_after_seconds=1, id=subscription.pk)
    return _given(subscription)


def _candidates(buyer: Buyer, code: str) -> list[PlanQuote]:
    """The cheapest plans in stock: more than one only where they cost the same, so the price shown is taken."""
    country = Country.objects.filter(code=code.upper() if code.isascii() else "", is_enabled=True).first()
    quotes = country and quote_plans(customer_id=buyer.customer_id, currency=buyer.currency, country=country)
    if not quotes:
        raise InvalidInput({"country": ["No monthly numbers are sold in this country."]})
    available = in_stock(quotes, live=buyer.moves_money)
    return [found for found in available if found.amount == available[0].amount]


def _request(buyer: Buyer, found: PlanQuote, auto_renew: bool, idempotency_key: str | None) -> Subscription:
    """Transaction 1: the order and its money, in one commit. No provider has heard of it yet.

    Where a concurrent repeat of the same request was first, its order.
    """
    try:
        return _insert(buyer, found, auto_renew, idempotency_key)
    except IntegrityError:
        earlier = _earlier(buyer, idempotency_key) if idempotency_key else None
        # None: the other came to nothing meanwhile, and has given the key free.
        return earlier or _insert(buyer, found, auto_renew, idempotency_key)


@transaction.atomic
def _insert(buyer: Buyer, found: PlanQuote, auto_renew: bool, idempotency_key: str | None) -> Subscription:
    now = timezone.now()
    subscription = Subscription.objects.create(
        customer_id=buyer.customer_id,
        wallet_id=buyer.wallet_id,
        credential=buyer.credential,
        mode=buyer.mode,
        idempotency_key=idempotency_key,
        plan_id=found.offer.product_id,
        country_id=found.offer.country_id,
        provider=found.offer.provider if buyer.moves_money else SANDBOX,
        price=found.amount,
        currency=found.currency,
        auto_renew=auto_renew,
        due_at=now + FIRST_ASK,
    )
    money.charge_first(subscription, found, now=now)
    return subscription


def _place(subscription: Subscription) -> Subscription:
    """Call the provider once, outside any transaction, and settle what it answers."""
    if not numbers.start_calling(subscription):
        subscription.refresh_from_db()
        return resume(subscription)
    try:
        given = provider_for(subscription.provider).order(
            numbers.request_of(subscription), deadline_seconds=settings.PROVIDER_DEADLINE_SECONDS
        )
        placed = numbers.give_number(subscription.pk, given)
    except ProviderError as refusal:
        placed = numbers.fail(subscription.pk, refusal.code)
    except OutcomeUnknown:
        log.warning("provider outcome unknown", subscription=subscription.pk, provider=subscription.provider)
        placed = numbers.mark_unknown(subscription.pk)
    except Exception:
        # A provider's bug is no answer: what it did is not known.
        log.exception("provider call failed", subscription=subscription.pk, provider=subscription.provider)
        placed = numbers.mark_unknown(subscription.pk)
    return _given(placed)


def _given(subscription: Subscription) -> Subscription:
    """The order, unless it came to nothing. Raises NoNumbersAvailable, ProviderRefused."""
    if subscription.status == Status.FAILED:
        raise refusal_of(subscription.failure)
    return subscription


def _earlier(buyer: Buyer, idempotency_key: str) -> Subscription | None:
    """The order this key has made. A key older than a day is a new one, and its old order gives it up."""
    mine = Subscription.objects.filter(customer_id=buyer.customer_id, idempotency_key=idempotency_key)
    found = mine.exclude(status=Status.FAILED).select_related("country").first()
    # Counted from the answer: an order that nobody knew the outcome of was not answered before.
    if found is None or found.started_at is None or found.started_at > timezone.now() - KEY_KEPT:
        return found
    mine.filter(pk=found.pk).update(idempotency_key=None)
    return None
