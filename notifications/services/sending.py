"""Sending a WhatsApp notification from an approved template: priced, charged, handed over, answered."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from catalog.models import NotificationProduct
from catalog.services.notifications import quote_notification
from catalog.services.resolution import Quote
from config.errors import InvalidInput
from notifications.errors import (
    NotPriced,
    ProviderRefused,
    RequestInProgress,
    SenderNotReady,
    SendInProgress,
    TemplateNotReady,
)
from notifications.models import Channel, Message, MessageTemplate, Sender, TemplateVersion
from notifications.providers import PROVIDERS, SANDBOX
from notifications.services import settlement, texts
from notifications.services.dispatching import hand_over
from notifications.services.settling import resolve
from wallets.services import Buyer, quantize, rate

Dispatch = Message.Dispatch
State = Message.State

E164 = re.compile(r"\A\+[0-9]{8,15}\Z")
# As long as the door keeps a key: after that, it is a new one.
KEY_KEPT = timedelta(hours=24)
# A request that died before its call: the tick takes its message up after this.
LEFT_BEHIND = timedelta(seconds=5)
OTP_FIRST, REGULAR = 0, 1
RATE_PLACES = Decimal(1).scaleb(-12)


@dataclass(frozen=True)
class Notification:
    """What is wanted: an approved template, to whom, and a value for each placeholder."""

    template_id: int
    to: str
    variables: Mapping[str, str]


@dataclass(frozen=True)
class _Terms:
    """What goes out, from whom, and what it takes: its price in NGN and in the wallet's currency."""

    version: TemplateVersion
    sender: Sender
    quote: Quote[NotificationProduct]
    rate: Decimal
    amount: Decimal


def send(*, buyer: Buyer, wanted: Notification, idempotency_key: str | None = None) -> Message:
    """Send one WhatsApp notification; its price is charged before the provider is called.

    The answer is the message: queued with the provider's id; or, when the provider will not send
    to this recipient, `rejected` and given back; or still without an id while nobody knows what the provider
    did, or it has to be tried again: a tick finds out. Repeating it with the same idempotency key
    returns the same message, and goes on with one that a crash left behind.
    Raises InvalidInput, TemplateNotReady, SenderNotReady, NotPriced, SendInProgress,
    InsufficientFunds, ProviderRefused, RequestInProgress.
    """
    if idempotency_key is not None and (earlier := _earlier(buyer, idempotency_key)) is not None:
        return resume(earlier)
    version = _validated(buyer, wanted)
    terms = _terms(buyer, version, _sender(buyer, version))
    return resume(_request(buyer, wanted, terms, idempotency_key))


def resume(message: Message) -> Message:
    """Bring a message as far as it goes now. Raises RequestInProgress, ProviderRefused."""
    if message.dispatch == Dispatch.WAITING and message.called_at is None:
        message = hand_over(message)
    elif message.dispatch in {Dispatch.CALLING, Dispatch.UNKNOWN}:
        message = resolve(message)
        if message.dispatch == Dispatch.CALLING:
            raise RequestInProgress(retry_after_seconds=1, id=message.pk)
    if message.state == State.FAILED and message.provider_message_id is None:
        raise ProviderRefused(id=message.pk)
    return message


def _validated(buyer: Buyer, wanted: Notification) -> TemplateVersion:
    """The version to send. Raises InvalidInput for all that is wrong at once, then TemplateNotReady."""
    errors: dict[str, list[str]] = {}
    if not E164.match(wanted.to):
        errors["to"] = ["Give the number in E.164 format: + and 8 to 15 digits."]
    template = (
        MessageTemplate.objects.filter(
            pk=wanted.template_id, customer_id=buyer.customer_id, channel=Channel.WHATSAPP
        )
        .prefetch_related("versions")
        .first()
    )  # fmt: skip
    if template is None:
        errors["template_id"] = ["There is no such template."]
        raise InvalidInput(errors)
    version = template.shown
    faults = texts.faults_of_values(version.body, wanted.variables)
    errors |= {f"variables.{name}": complaints for name, complaints in faults.items()}
    if not faults and len(texts.render(version.body, wanted.variables)) > texts.LONGEST_BODY:
        errors["variables"] = [f"The message would be longer than {texts.LONGEST_BODY} characters."]
    if errors:
        raise InvalidInput(errors)
    if version.status != TemplateVersion.Status.APPROVED:
        raise TemplateNotReady
    return version


def _sender(buyer: Buyer, version: TemplateVersion) -> Sender:
    """The customer's own approved sender, or one of the house. Raises SenderNotReady, TemplateNotReady."""
    sender = Sender.objects.usable_by(buyer.customer_id).filter(channel=Channel.WHATSAPP).first()
    if sender is None:
        raise SenderNotReady
    if not buyer.moves_money:
        return sender
    # Nothing pretends to be sent for real money, and nothing goes out that the provider has not approved.
    if sender.provider == SANDBOX and not settings.SANDBOX:
        raise SenderNotReady
    provider = PROVIDERS.get(sender.provider)
    if provider is not None and provider.needs_template_id and version.provider != sender.provider:
        raise TemplateNotReady
    return sender


def _terms(buyer: Buyer, version: TemplateVersion, sender: Sender) -> _Terms:
    """What it costs now. Raises NotPriced, NoExchangeRate."""
    quote = quote_notification(customer_id=buyer.customer_id, category=version.category)
    if quote is None:
        raise NotPriced
    current = rate(quote.currency, buyer.currency)
    with localcontext(prec=80):
        amount = quantize(quote.amount * current)
        stored = current.quantize(RATE_PLACES, rounding=ROUND_HALF_UP)
    if amount == 0:  # worth less than the smallest amount of this currency
        raise NotPriced
    return _Terms(version, sender, quote, stored, amount)


def _request(buyer: Buyer, wanted: Notification, terms: _Terms, idempotency_key: str | None) -> Message:
    """Transaction 1: the message and its money, in one commit. No provider has heard of it yet.

    Where a concurrent repeat of the same request was first, its message. Raises SendInProgress.
    """
    try:
        return _insert(buyer, wanted, terms, idempotency_key)
    except IntegrityError as conflict:
        earlier = _earlier(buyer, idempotency_key) if idempotency_key else None
        if earlier is not None:
            return earlier
        if "message_one_in_flight_per_recipient" not in str(conflict):
            raise
        raise SendInProgress(retry_after_seconds=1) from None


@transaction.atomic
def _insert(buyer: Buyer, wanted: Notification, terms: _Terms, idempotency_key: str | None) -> Message:
    version, sender = terms.version, terms.sender
    now = timezone.now()
    values = {name: wanted.variables[name] for name in texts.placeholders(version.body)}
    is_otp = version.category == NotificationProduct.Category.AUTHENTICATION
    message = Message.objects.create(
        customer_id=buyer.customer_id,
        wallet_id=buyer.wallet_id,
        credential=buyer.credential,
        mode=buyer.mode,
        idempotency_key=idempotency_key,
        channel=Channel.WHATSAPP,
        sender=sender,
        template_id=version.template_id,
        version=version,
        to=wanted.to,
        variables=values,
        body=texts.render(version.body, values),
        erase_after=now + timedelta(days=settings.SMS_TEXT_RETENTION_DAYS),
        price=terms.amount,
        currency=buyer.currency,
        unit_price=terms.quote.amount,
        original_amount=terms.quote.amount,
        original_currency=terms.quote.currency,
        rate=terms.rate,
        refund_undelivered=terms.quote.offer.refund_undelivered,
        billing=Message.Billing.CHARGED if buyer.moves_money else Message.Billing.FREE,
        provider=sender.provider if buyer.moves_money else SANDBOX,
        priority=OTP_FIRST if is_otp else REGULAR,
        due_at=now + LEFT_BEHIND,
    )
    settlement.take(message)
    message.save(update_fields=["charge"])
    return message


def _earlier(buyer: Buyer, idempotency_key: str) -> Message | None:
    """The message this key has made. A key older than a day is a new one, and its old message gives it up."""
    mine = Message.objects.filter(customer_id=buyer.customer_id, idempotency_key=idempotency_key)
    found = mine.select_related("charge").first()
    # Counted from the answer: a message that nobody knew the outcome of was not answered before.
    if found is None or found.accepted_at is None or found.accepted_at > timezone.now() - KEY_KEPT:
        return found
    mine.filter(pk=found.pk).update(idempotency_key=None)
    return None
