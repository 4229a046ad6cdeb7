"""Making a sending: priced, held chunk by chunk, stored with all its messages, in one commit or not at all."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from notifications.errors import SenderNotReady
from notifications.models import Channel, Chunk, Sender, Sending
from notifications.providers import PROVIDERS, SANDBOX
from notifications.services.routes import Way, way_of
from notifications.services.rows import save_rows
from notifications.services.segments import segment
from notifications.services.sendings import money, recipients
from notifications.services.sendings.pricing import Priced, email_terms, sms_terms
from notifications.services.sendings.recipients import Batch
from notifications.services.sendings.wanted import SendingWanted, checked
from notifications.services.suppressions import suppressed_among
from wallets.errors import InsufficientFunds
from wallets.services import Buyer
from wallets.services.refusals import insufficient_funds

# As long as the door keeps a key: after that, it is a new one.
KEY_KEPT = timedelta(hours=24)


def create_sending(*, buyer: Buyer, wanted: SendingWanted, idempotency_key: str | None = None) -> Sending:
    """Send one text to many, now or at its time; the whole price is held at once, and captured as it is sent.

    Recipients who are not to be sent to are kept as rejected, and cost nothing. Repeating it with the same
    idempotency key returns the same sending. Raises InvalidInput, SenderNotReady, RouteUnknown,
    UnknownDestination, NotPriced, NoExchangeRate, InsufficientFunds for all of it: nothing is sent then.
    """
    return create(buyer=buyer, wanted=wanted, idempotency_key=idempotency_key)


def create(
    *,
    buyer: Buyer,
    wanted: SendingWanted,
    idempotency_key: str | None,
    original: Sending | None = None,
    again: Sequence[int] = (),
) -> Sending:
    """`create_sending`; where it retries the `original`, `again` are the messages it is for, in recipients' order."""
    if idempotency_key is not None and (earlier := earlier_sending(buyer, idempotency_key)) is not None:
        return earlier
    wanted = checked(wanted)
    way = way_of(wanted.channel, wanted.route)
    sender = sender_of(buyer, wanted)
    provider = _provider(buyer, wanted, way, sender)
    priced = price(buyer, wanted)
    sending = _draft(buyer, wanted, way, sender, priced)
    sending.idempotency_key, sending.retry_of = idempotency_key, original
    batch = Batch(sending, wanted, priced, way, provider, buyer.actor, again)
    try:
        return _store_if_paid(batch)
    except IntegrityError as conflict:
        # A concurrent repeat of the same request was first.
        if idempotency_key is None or "sending_idempotency_key_unique" not in str(conflict):
            raise
        return Sending.objects.get(customer_id=buyer.customer_id, idempotency_key=idempotency_key)


def earlier_sending(buyer: Buyer, idempotency_key: str) -> Sending | None:
    """The sending this key has made. A key older than a day is a new one, and its old sending gives it up."""
    mine = Sending.objects.filter(customer_id=buyer.customer_id, idempotency_key=idempotency_key)
    found = mine.first()
    if found is None or found.created_at > timezone.now() - KEY_KEPT:
        return found
    mine.filter(pk=found.pk).update(idempotency_key=None)
    return None


def sender_of(buyer: Buyer, wanted: SendingWanted) -> Sender | None:
    """Who it comes from; None for a rented number. Raises SenderNotReady."""
    if wanted.from_number:
        return None
    usable = Sender.objects.usable_by(buyer.customer_id).filter(channel=wanted.channel)
    if wanted.sender is not None:
        usable = usable.filter(address=wanted.sender)
    sender = usable.first()
    if sender is None:
        raise SenderNotReady
    return sender


def price(buyer: Buyer, wanted: SendingWanted) -> Priced:
    """What each recipient takes. Raises UnknownDestination, NotPriced, NoExchangeRate."""
    if wanted.channel == Channel.EMAIL:
        terms = [email_terms(customer_id=buyer.customer_id, currency=buyer.currency)]
        whose = [0] * len(wanted.recipients)
    else:
        terms, whose = sms_terms(
            customer_id=buyer.customer_id, currency=buyer.currency, numbers=wanted.recipients,
            segments=segment(wanted.text).count,
        )  # fmt: skip
    away = suppressed_among(customer_id=buyer.customer_id, channel=wanted.channel, addresses=wanted.recipients)
    places = frozenset(place for place, to in enumerate(wanted.recipients) if to in away) if away else frozenset()
    return Priced(terms, whose, places)


def _provider(buyer: Buyer, wanted: SendingWanted, way: Way, sender: Sender | None) -> str:
    """Who carries it. A dry run, and a test that has nowhere to go, are only played. Raises SenderNotReady."""
    if buyer.mode == "dryrun" or (buyer.mode == "test" and not wanted.redirect_to):
        return SANDBOX
    provider = way.provider or (sender.provider if sender else _carrier_of_a_number(buyer, wanted))
    # Nothing pretends to be sent for real money.
    if provider not in PROVIDERS or (provider == SANDBOX and not settings.SANDBOX):
        raise SenderNotReady
    return provider


def _carrier_of_a_number(buyer: Buyer, wanted: SendingWanted) -> str:
    """The provider it is rented from where that carries messages, else the one of the usual sender."""
    if wanted.from_provider in PROVIDERS:
        return wanted.from_provider
    usual = sender_of(buyer, replace(wanted, from_number="", sender=None))
    return usual.provider if usual else ""


def _draft(buyer: Buyer, wanted: SendingWanted, way: Way, sender: Sender | None, priced: Priced) -> Sending:
    now = timezone.now()
    at = max(wanted.scheduled_at or now, now)
    total, tax = priced.sum(range(len(wanted.recipients)))
    return Sending(
        customer_id=buyer.customer_id, wallet_id=buyer.wallet_id, credential=buyer.credential, mode=buyer.mode,
        channel=wanted.channel, route=wanted.route, sender=sender, from_number=wanted.from_number, text=wanted.text,
        subject=wanted.subject, from_name=wanted.from_name, reply_to=wanted.reply_to, no_tracking=wanted.no_tracking,
        erase_after=at + timedelta(days=settings.SMS_TEXT_RETENTION_DAYS), scheduled_at=at,
        recipients=len(wanted.recipients),
        segments=priced.terms[0].quantity if wanted.channel == Channel.SMS else 0,
        price=total, tax=tax, currency=buyer.currency, unit_price=priced.terms[priced.whose[0]].unit_amount,
    )  # fmt: skip


def _store_if_paid(batch: Batch) -> Sending:
    """Raises InsufficientFunds, with the price of all of it."""
    sending = batch.sending
    if sending.moves_money and sending.price > sending.wallet.available:  # before any work; the holds decide
        raise insufficient_funds(sending.wallet_id, sending.price)
    try:
        return _store(batch)
    except InsufficientFunds:
        raise insufficient_funds(sending.wallet_id, sending.price) from None


@transaction.atomic
def _store(batch: Batch) -> Sending:
    """The sending, its chunks, its messages and its holds, in one commit. No provider has heard of it yet."""
    sending = batch.sending
    sending.save(force_insert=True)
    chunks = Chunk.objects.bulk_create(batch.chunks())
    recipients.insert(batch, chunks)
    # Last, for they lock the wallet.
    holds = [money.hold(sending, chunk, batch.price_of(chunk), actor=batch.actor) for chunk in chunks]
    for chunk, held in zip(chunks, holds, strict=True):
        chunk.hold = held
    save_rows(chunks, ("hold",))
    return sending
