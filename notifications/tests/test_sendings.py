"""One text to many recipients: held chunk by chunk, captured as it is sent, given back where it came to nothing."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.db.models import Sum
from django.utils import timezone

from config.errors import InvalidInput
from notifications import providers, services
from notifications.errors import RouteUnknown, SenderNotReady, WrongState
from notifications.models import Chunk, Message, Route, SandboxMessage, Sender, Sending
from notifications.providers import OutcomeUnknown, Submitted
from notifications.services.at_once import with_a_connection_of_its_own
from notifications.services.sendings import money
from notifications.tests.factories import FakeProvider, balance, differences, make_buyer, together
from notifications.tests.sending_factories import (
    DANE,
    NO_REPORT,
    OPTED_OUT,
    PRICE,
    REFUSED,
    UNDELIVERED,
    hand_over_and_report,
    let_time_pass,
    make_sms_world,
    numbers,
    settle,
    wish,
)
from wallets.errors import InsufficientFunds
from wallets.models import Event, Hold, Transaction, Wallet
from wallets.services import Buyer

pytestmark = pytest.mark.django_db
FUNDS = Decimal(100)


@pytest.fixture
def buyer(db, settings) -> Buyer:
    settings.SANDBOX_DELAY_SECONDS = 0
    make_sms_world()
    return make_buyer(funds=FUNDS)


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr("notifications.services.sendings.recipients.CHUNK", 3)


def send(buyer, recipients=None, **facts) -> Sending:
    return services.create_sending(buyer=buyer, wanted=wish(recipients or [DANE]), **facts)


def held(buyer) -> Decimal:
    return Wallet.objects.get(pk=buyer.wallet_id).held


def states_of(sending) -> dict[str, str]:
    rows = Message.objects.filter(chunk__sending=sending).order_by("id")
    return {to: f"{state} {billing}" for to, state, billing in rows.values_list("to", "state", "billing")}


def kinds(buyer) -> list[tuple[str, Decimal]]:
    rows = Transaction.objects.filter(wallet_id=buyer.wallet_id).exclude(kind="deposit").order_by("id")
    return [(row.kind, row.wallet_delta) for row in rows]


# Creating


def test_the_whole_price_is_held_and_nothing_is_taken_yet(buyer, small_chunks):
    sending = send(buyer, numbers(7))

    assert (sending.status, sending.recipients, sending.price) == ("pending", 7, 7 * PRICE)
    assert (balance(buyer), held(buyer)) == (FUNDS, 7 * PRICE)
    assert [hold.amount for hold in Hold.objects.order_by("id")] == [3 * PRICE, 3 * PRICE, PRICE]
    assert differences() == []


def test_messages_are_kept_in_the_recipients_order_with_what_each_takes(buyer, small_chunks):
    wanted = numbers(7)
    sending = services.create_sending(buyer=buyer, wanted=wish(wanted, text="x" * 161))

    rows = Message.objects.filter(chunk__sending=sending).order_by("id")
    assert [row.to for row in rows] == wanted
    assert {(row.quantity, row.price, row.state, row.body) for row in rows} == {(2, 2 * PRICE, "accepted", "")}
    assert list(rows.values_list("chunk__number", flat=True)) == [1, 1, 1, 2, 2, 2, 3]
    assert len({row.uuid for row in rows}) == 7


def test_what_is_sent_is_what_was_calculated_to_the_last_digit_with_tax(buyer):
    from wallets.models import Customer

    Customer.objects.update(tax_percent=Decimal("7.25"))
    recipients = [*numbers(3), "+37120000000", "+37120000000"]

    calculated = services.calculate(
        customer_id=buyer.customer_id, currency="USD", text="Hello", recipients=recipients
    )  # fmt: skip
    sending = send(buyer, recipients)
    hand_over_and_report()

    assert (sending.price, sending.tax) == (calculated.total, calculated.tax)
    assert calculated.total == calculated.subtotal + calculated.tax == sum(line.price for line in calculated.lines)
    assert balance(buyer) == FUNDS - calculated.total
    assert sum(Transaction.objects.filter(kind="tax").values_list("amount", flat=True)) == calculated.tax
    assert differences() == []


def test_all_or_nothing_where_the_money_is_missing(buyer, small_chunks):
    with pytest.raises(InsufficientFunds) as refusal:
        send(make_buyer(funds=6 * PRICE), numbers(7))

    assert refusal.value.facts["required"] == 7 * PRICE
    assert refusal.value.facts["available"] == 6 * PRICE
    assert (Sending.objects.count(), Message.objects.count(), Hold.objects.count()) == (0, 0, 0)


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"recipients": []}, "recipients"),
        ({"recipients": ["+4520123456", "hello"]}, "recipients"),
        ({"recipients": ["+4520123456\n"]}, "recipients"),
        ({"text": ""}, "text"),
        ({"channel": "fax"}, "channel"),
        ({"channel": "email", "recipients": ["a@b.example"], "subject": ""}, "subject"),
        ({"channel": "email", "recipients": ["a@b.example"], "subject": "a\r\nBcc: x@y.example"}, "subject"),
        ({"channel": "email", "recipients": ["a@b.example"], "subject": "a", "from_name": "a\nb"}, "from_name"),
        ({"channel": "email", "recipients": ["a@b.example"], "subject": "a", "reply_to": "no"}, "reply_to"),
        ({"channel": "email", "recipients": ["a@b.example\nBcc: x@y.example"], "subject": "a"}, "recipients"),
    ],
)
def test_what_is_wrong_is_said_by_field_and_nothing_is_held(buyer, facts, field):
    with pytest.raises(InvalidInput) as refusal:
        services.create_sending(buyer=buyer, wanted=wish(**{"recipients": [DANE], **facts}))

    assert field in refusal.value.errors
    assert held(buyer) == 0


def test_an_unknown_sender_or_route_is_refused(buyer):
    with pytest.raises(SenderNotReady):
        services.create_sending(buyer=buyer, wanted=wish([DANE], sender="STRANGER"))
    with pytest.raises(RouteUnknown):
        services.create_sending(buyer=buyer, wanted=wish([DANE], route="pigeon"))


def test_a_route_switched_off_is_refused_and_its_row_says_who_carries_it(buyer):
    Route.objects.create(name="twilio", provider="twilio", priority=0, refund_undelivered=True)
    sending = services.create_sending(buyer=buyer, wanted=wish([DANE], route="twilio"))
    message = Message.objects.get(chunk__sending=sending)
    assert (message.provider, message.priority, message.refund_undelivered) == ("twilio", 0, True)

    Route.objects.update(is_active=False)
    with pytest.raises(RouteUnknown):
        services.create_sending(buyer=buyer, wanted=wish([DANE], route="twilio"))


def test_duplicates_are_kept_unless_they_are_not_wanted(buyer):
    assert send(buyer, [DANE, DANE[1:], DANE]).recipients == 3
    single = services.create_sending(buyer=buyer, wanted=wish([DANE, DANE[1:], DANE], remove_duplicates=True))
    assert (single.recipients, list(states_of(single))) == (1, [DANE])


def test_who_is_not_to_be_sent_to_is_not_sent_to_and_costs_nothing(buyer):
    services.suppress(customer_id=buyer.customer_id, channel="sms", address=DANE, reason="manual", actor="staff:ann")
    other = numbers(2)[1]

    sending = send(buyer, [DANE, other])
    assert (sending.price, held(buyer)) == (PRICE, PRICE)
    hand_over_and_report()

    assert states_of(sending) == {DANE: "rejected free", other: "delivered charged"}
    assert list(SandboxMessage.objects.values_list("to", flat=True)) == [other]
    assert differences() == []


# Repeats


def test_the_same_key_is_one_sending(buyer):
    first, second = (send(buyer, idempotency_key="k") for _ in range(2))

    assert first.pk == second.pk
    assert held(buyer) == PRICE


def test_a_key_older_than_a_day_is_a_new_one(buyer):
    first = send(buyer, idempotency_key="k")
    Sending.objects.update(created_at=timezone.now() - timedelta(hours=25))

    assert send(buyer, idempotency_key="k").pk != first.pk


@pytest.mark.django_db(transaction=True)
def test_a_double_create_is_one_sending(buyer):
    """The control: with two keys they are two."""
    first, second = together(*[lambda: send(buyer, numbers(50), idempotency_key="k")] * 2)
    assert first.pk == second.pk
    assert held(buyer) == 50 * PRICE

    together(*(lambda key=key: send(buyer, idempotency_key=key) for key in "ab"))
    assert Sending.objects.count() == 3
    assert differences() == []


# The way of its money


def test_what_is_sent_is_captured_and_what_fails_before_is_released(buyer):
    recipients = [DANE, REFUSED, OPTED_OUT]
    sending = send(buyer, recipients)

    hand_over_and_report()

    assert states_of(sending) == {
        DANE: "delivered charged", REFUSED: "failed released", OPTED_OUT: "rejected released",
    }  # fmt: skip
    assert kinds(buyer) == [("sms_send", -PRICE)]
    assert (balance(buyer), held(buyer)) == (FUNDS - PRICE, 0)
    assert differences() == []


def test_many_recipients_are_one_movement_and_not_one_each(buyer):
    send(buyer, numbers(60))
    hand_over_and_report()

    assert kinds(buyer) == [("sms_send", -60 * PRICE)]


@pytest.mark.parametrize(("route", "billing"), [("regular", "charged"), ("otp", "refunded")])
def test_the_undelivered_are_given_back_by_the_routes_policy(buyer, route, billing):
    sending = services.create_sending(buyer=buyer, wanted=wish([UNDELIVERED], route=route))
    services.dispatch_due()
    let_reports_come_one_by_one()

    assert states_of(sending) == {UNDELIVERED: f"undelivered {billing}"}
    assert balance(buyer) == (FUNDS if billing == "refunded" else FUNDS - PRICE)
    assert [kind for kind, _ in kinds(buyer)] == ["sms_send", "sms_refund"][: 1 + (billing == "refunded")]
    assert differences() == []


def let_reports_come_one_by_one():
    """Settled after each, as where time passes between them."""
    for _ in range(6):
        SandboxMessage.objects.filter(next_report_at__isnull=False).update(next_report_at=timezone.now())
        services.settle_chunks()
        from notifications.services.sandbox import _report

        _report(list(SandboxMessage.objects.filter(next_report_at__isnull=False).values_list("pk", flat=True)))
    services.settle_chunks()


def test_five_thousand_recipients_are_exact_to_the_last_digit(buyer):
    """What was quoted is what was held, and all of it was captured or released; 100,000 are in bench/messaging.py."""
    recipients = [*numbers(4_000), *(f"+371200{number:05}99" for number in range(990)), *[REFUSED, OPTED_OUT] * 5]
    rich = make_buyer(funds=Decimal(1000))

    sending = send(rich, recipients)
    hand_over_and_report()

    held = Hold.objects.aggregate(amount=Sum("amount"), captured=Sum("captured"), released=Sum("released"))
    sending.refresh_from_db()
    assert (sending.status, sending.price, Hold.objects.count()) == ("completed", held["amount"], 5)
    assert held["captured"] == 4_000 * PRICE + 990 * Decimal("0.077778")
    assert held["captured"] + held["released"] == held["amount"]
    assert balance(rich) == 1000 - held["captured"]
    assert differences() == []


def test_settling_again_moves_nothing(buyer):
    sending = send(buyer, [DANE, REFUSED])
    hand_over_and_report()
    before = kinds(buyer)

    Chunk.objects.update(settle_at=timezone.now())
    assert settle() == 1

    assert kinds(buyer) == before
    assert sending.chunks.get().settlements >= 2
    assert differences() == []


def test_no_report_for_seventy_two_hours_has_expired_and_keeps_a_regular_ones_money(buyer):
    sending = send(buyer, [NO_REPORT])
    hand_over_and_report()
    assert states_of(sending) == {NO_REPORT: "sent charged"}

    let_time_pass(sending, hours=73)
    services.settle_due()
    settle()

    sending.refresh_from_db()
    assert states_of(sending) == {NO_REPORT: "expired charged"}
    assert sending.status == "failed"
    assert differences() == []


def test_what_expires_without_ever_being_sent_is_given_back_on_every_route(buyer):
    sending = send(buyer, [DANE])
    services.dispatch_due()  # the provider has it, and never says that a carrier has
    assert states_of(sending) == {DANE: "queued held"}

    let_time_pass(sending, hours=73)
    services.settle_due()
    settle()

    assert states_of(sending) == {DANE: "expired released"}
    assert held(buyer) == 0
    assert differences() == []


def test_the_expected_cost_is_booked_between_house_accounts_once_it_is_captured(buyer):
    send(buyer, [*numbers(3), REFUSED])
    hand_over_and_report()

    booked = Transaction.objects.get(kind="provider_cost")
    assert (booked.debit.code, booked.credit.code, booked.wallet_id) == ("expense:provider", "payable:sandbox", None)
    assert booked.amount == 3 * Decimal("0.01")


@pytest.mark.parametrize("mode", ["test", "dryrun"])
def test_outside_live_mode_everything_goes_its_way_for_nothing(db, settings, mode):
    settings.SANDBOX_DELAY_SECONDS = 0
    make_sms_world(provider="fake")
    penniless = make_buyer(funds=Decimal(0), mode=mode)

    sending = send(penniless, [DANE, REFUSED])
    hand_over_and_report()

    assert states_of(sending) == {DANE: "delivered free", REFUSED: "failed free"}
    assert Hold.objects.count() == Transaction.objects.count() == 0
    assert differences() == []


def test_a_test_is_sent_to_the_test_address_by_the_real_way(buyer):
    tester = make_buyer(funds=Decimal(0), mode="test")
    sending = services.create_sending(buyer=tester, wanted=wish([DANE], redirect_to="+4599999999"))
    services.dispatch_due()

    assert Message.objects.get(chunk__sending=sending).to == DANE
    assert SandboxMessage.objects.get().to == "+4599999999"


# Its status


def test_the_status_follows_its_recipients(buyer, small_chunks):
    sending = send(buyer, [*numbers(4), NO_REPORT])
    services.dispatch_due()
    settle()
    sending.refresh_from_db()
    assert (sending.status, sending.sent_at is not None) == ("sent", True)

    hand_over_and_report()
    sending.refresh_from_db()
    assert (sending.status, sending.closed_at) == ("sent", None)

    let_time_pass(sending, hours=73)
    services.settle_due()
    settle()
    sending.refresh_from_db()
    assert (sending.status, sending.closed_at is not None) == ("completed", True)
    assert services.counts_of(sending) == services.Counts(total=5, pending=0, delivered=4, failed=1)


def test_one_that_reached_nobody_has_failed(buyer):
    sending = send(buyer, [REFUSED, OPTED_OUT])
    hand_over_and_report()

    sending.refresh_from_db()
    assert sending.status == "failed"


def test_each_step_of_each_recipient_is_told_once(buyer):
    sending = send(buyer, [DANE, REFUSED])
    hand_over_and_report()

    told = Event.objects.filter(object_type="message").order_by("object_id", "sequence")
    first, second = Message.objects.filter(chunk__sending=sending).order_by("id")
    assert [event.kind for event in told.filter(object_id=first.pk)] == [
        "message.queued", "message.sent", "message.delivered",
    ]  # fmt: skip
    assert [event.kind for event in told.filter(object_id=second.pk)] == ["message.queued", "message.failed"]
    assert "Hello" not in str([event.payload for event in told])


# Schedule and cancel


def test_a_scheduled_one_waits_for_its_time(buyer):
    later = timezone.now() + timedelta(hours=1)
    sending = services.create_sending(buyer=buyer, wanted=wish([DANE], scheduled_at=later))
    assert (services.dispatch_due(), states_of(sending)) == (0, {DANE: "scheduled held"})
    assert held(buyer) == PRICE

    let_time_pass(sending, hours=1, minutes=1)
    hand_over_and_report()

    assert states_of(sending) == {DANE: "delivered charged"}


def test_one_of_the_past_goes_out_now(buyer):
    wanted = wish([DANE], scheduled_at=timezone.now() - timedelta(days=1))
    services.create_sending(buyer=buyer, wanted=wanted)

    assert services.dispatch_due() == 1


def test_canceled_before_its_time_it_gives_all_back_and_again_is_the_same(buyer, small_chunks):
    later = timezone.now() + timedelta(hours=1)
    sending = services.create_sending(buyer=buyer, wanted=wish(numbers(7), scheduled_at=later))

    for _ in range(2):
        canceled = services.cancel_sending(sending=sending, actor="key:sgk_ab12")

    assert (canceled.status, held(buyer), balance(buyer), kinds(buyer)) == ("canceled", 0, FUNDS, [])
    assert set(states_of(sending).values()) == {"canceled released"}
    let_time_pass(sending, hours=2)
    assert services.dispatch_due() == 0
    assert differences() == []


def test_what_was_handed_over_is_not_canceled(buyer):
    sending = send(buyer)
    services.dispatch_due()

    with pytest.raises(WrongState):
        services.cancel_sending(sending=sending, actor="staff:ann")


@pytest.mark.django_db(transaction=True)
def test_cancel_against_dispatch_is_one_or_the_other_for_each(buyer):
    """Never both canceled and sent. The control: without a cancel all are sent."""
    for _ in range(3):
        sending = send(buyer, numbers(40))
        together(services.dispatch_due, lambda sending=sending: try_to_cancel(sending))
        hand_over_and_report()
        taken = SandboxMessage.objects.count()
        rows = Message.objects.filter(chunk__sending=sending)
        canceled = rows.filter(state="canceled", billing="released", provider_message_id=None).count()
        assert canceled + rows.filter(state="delivered", billing="charged").count() == 40
        assert taken == Message.objects.exclude(provider_message_id=None).count()
        assert set(SandboxMessage.objects.values_list("asked", flat=True)) <= {1}
    control = send(buyer, numbers(40))
    together(services.dispatch_due, services.dispatch_due)
    hand_over_and_report()
    assert set(states_of(control).values()) == {"delivered charged"}
    assert differences() == []


def try_to_cancel(sending):
    try:
        services.cancel_sending(sending=sending, actor="key:sgk_ab12")
    except WrongState:
        return


# Retry


def test_only_the_failed_are_sent_again_and_charged_anew_and_only_once(buyer):
    sending = send(buyer, [DANE, REFUSED])
    hand_over_and_report()

    again = services.retry_sending(buyer=buyer, sending=sending)

    assert (again.retry_of_id, list(states_of(again)), held(buyer)) == (sending.pk, [REFUSED], PRICE)
    assert Message.objects.get(chunk__sending=again).retry_of.to == REFUSED
    with pytest.raises(WrongState):
        services.retry_sending(buyer=buyer, sending=sending)


def test_nothing_is_sent_again_while_a_recipient_is_pending_or_none_has_failed(buyer):
    pending = send(buyer, [NO_REPORT, REFUSED])
    delivered = send(buyer, [DANE])
    hand_over_and_report()

    for sending in (pending, delivered):
        with pytest.raises(WrongState):
            services.retry_sending(buyer=buyer, sending=sending)


@pytest.mark.django_db(transaction=True)
def test_two_retries_at_once_send_again_once(buyer):
    sending = send(buyer, [REFUSED])
    hand_over_and_report()

    together(*[lambda: services.retry_sending(buyer=buyer, sending=sending)] * 2)

    assert Sending.objects.filter(retry_of=sending).count() == 1
    assert held(buyer) == PRICE


# Crashes


def test_a_crash_between_call_and_answer_is_found_out_and_no_one_is_asked_twice(buyer, monkeypatch):
    sending = send(buyer, numbers(5))
    with monkeypatch.context() as patch:
        patch.setattr("notifications.services.answers.apply_answers", crash)
        with pytest.raises(KeyboardInterrupt):
            services.dispatch_due()
    assert set(Message.objects.values_list("dispatch", flat=True)) == {"calling"}

    let_time_pass(sending, minutes=1)
    services.settle_due()
    hand_over_and_report()

    assert set(states_of(sending).values()) == {"delivered charged"}
    assert set(SandboxMessage.objects.values_list("asked", flat=True)) == {1}
    assert differences() == []


def test_a_crash_before_the_call_is_sent_after_all(buyer, monkeypatch):
    sending = send(buyer, numbers(5))
    with monkeypatch.context() as patch:
        patch.setattr("notifications.services.calling.call", crash)
        with pytest.raises(KeyboardInterrupt):
            services.dispatch_due()

    let_time_pass(sending, minutes=1)
    services.settle_due()
    hand_over_and_report()

    assert set(states_of(sending).values()) == {"delivered charged"}


def crash(*_, **__):
    raise KeyboardInterrupt


def test_a_crash_while_it_settles_leaves_all_as_it_was(buyer, monkeypatch):
    send(buyer, [DANE, REFUSED])
    services.dispatch_due()
    with monkeypatch.context() as patch:
        patch.setattr(money, "_release", crash)
        hand_over_and_report(settled=False)
        with pytest.raises(KeyboardInterrupt):
            settle()
    assert kinds(buyer) == []

    settle()

    assert kinds(buyer) == [("sms_send", -PRICE)]
    assert differences() == []


# What the database keeps, and the audit


def test_the_database_refuses_a_second_retry_of_a_message(buyer):
    sending = send(buyer, numbers(3))
    first, second, third = Message.objects.filter(chunk__sending=sending)
    Message.objects.filter(pk=second.pk).update(retry_of=first)

    with pytest.raises(IntegrityError, match="message_retried_once"), transaction.atomic():
        Message.objects.filter(pk=third.pk).update(retry_of=first)


@pytest.mark.parametrize(
    ("change", "promise"),
    [
        (lambda: Message.objects.update(billing="released"), "A chunk's hold"),
        (lambda: Message.objects.update(price=Decimal(9)), "A sending's price"),
        (lambda: Chunk.objects.update(reached=0), "A settled chunk counts"),
        (lambda: Sending.objects.update(recipients=1), "A sending has a message"),
        (lambda: Message.objects.update(cost=Decimal(9)), "What a provider is expected"),
        (lambda: Message.objects.update(tax=Decimal("0.01")), "The tax"),
    ],
)
def test_the_audit_of_sendings_can_fail(buyer, change, promise):
    send(buyer, [*numbers(2), UNDELIVERED])
    hand_over_and_report()
    assert differences() == []

    change()

    assert promise in "\n".join(differences())


def test_texts_are_erased_after_their_time_and_the_rest_stays(buyer):
    sending = send(buyer)
    waiting = services.create_sending(
        buyer=buyer, wanted=wish([DANE], scheduled_at=timezone.now() + timedelta(days=60))
    )  # fmt: skip
    hand_over_and_report()
    Sending.objects.update(erase_after=timezone.now())

    assert services.erase_texts() == 1

    sending.refresh_from_db()
    waiting.refresh_from_db()
    assert (sending.text, sending.erased_at is not None, waiting.text) == ("", True, "Hello")


def test_the_database_knows_whose_a_message_is(buyer):
    sending = send(buyer)
    message = Message.objects.get(chunk__sending=sending)
    stranger = make_buyer(name="Stranger")

    wrong = ({"wallet_id": stranger.wallet_id}, {"sender_id": 0}, {"destination_id": 0})
    for facts in wrong:
        copy = Message.objects.get(pk=message.pk)
        copy.pk, copy.uuid = None, uuid4()
        for name, value in facts.items():
            setattr(copy, name, value)
        with pytest.raises(IntegrityError, match="message has a wallet of its customer"), transaction.atomic():
            copy.save(force_insert=True)
        with pytest.raises(IntegrityError, match="send another one"), transaction.atomic():
            Message.objects.filter(pk=message.pk).update(**facts)
    with pytest.raises(IntegrityError, match="has sent"), transaction.atomic():
        Sender.objects.all()._raw_delete("default")


# A provider that takes one message at a time, at its pace


@pytest.fixture
def carrier(monkeypatch) -> FakeProvider:
    fake = FakeProvider()
    monkeypatch.setitem(providers.PROVIDERS, "fake", fake)
    make_sms_world(provider="fake")
    return fake


def test_a_sending_keeps_the_pace_of_its_provider(carrier, settings):
    settings.MESSAGES_PER_SECOND = 5
    sending = send(make_buyer(), numbers(20))

    services.dispatch_due(seconds=0.1)

    # The tick may straddle a second, and then twice as many had their turn; on a busy machine it ends after the first.
    assert 1 <= len(carrier.requests) <= 10
    waiting = Message.objects.filter(chunk__sending=sending, dispatch="waiting")
    assert (waiting.count(), set(waiting.values_list("attempts", flat=True))) == (20 - len(carrier.requests), {0})


@pytest.mark.django_db(transaction=True)
def test_a_provider_is_called_with_several_at_once_outside_any_transaction(carrier, settings):
    settings.PROVIDER_CALLS_AT_ONCE = 4
    gate = threading.Barrier(4, timeout=20)
    carrier.before = gate.wait  # passes only where four calls are under way
    sending = send(make_buyer(), numbers(8))

    services.dispatch_due()

    assert set(states_of(sending).values()) == {"queued held"}
    assert set(carrier.in_transaction) == {False}


@pytest.mark.django_db(transaction=True)
def test_a_provider_is_asked_about_several_at_once(carrier, settings):
    settings.PROVIDER_CALLS_AT_ONCE = 4
    carrier.after = OutcomeUnknown()
    sending = send(make_buyer(), numbers(8))
    services.dispatch_due()
    assert set(states_of(sending).values()) == {"accepted held"}

    carrier.at_find = threading.Barrier(4, timeout=20).wait  # passes only where four are asked about
    let_time_pass(sending, minutes=1)
    assert services.settle_due() == 8

    assert set(states_of(sending).values()) == {"queued held"}


def test_one_time_passwords_go_before_a_sending_that_was_there_first(carrier):
    send(make_buyer(), numbers(3))
    services.create_sending(buyer=make_buyer(), wanted=wish([DANE], route="otp"))

    services.dispatch_due()

    assert carrier.requests[0].to == DANE


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("at_once", "waited"), [(4, False), (1, True)], ids=["side by side", "control: one by one"])
def test_a_provider_that_hangs_keeps_nothing_of_the_others_waiting(carrier, monkeypatch, settings, at_once, waited):
    """What is for the other one comes due only while the first one hangs."""
    settings.PROVIDER_CALLS_AT_ONCE = at_once
    healthy, hangs, answers, carried = FakeProvider(), threading.Event(), threading.Event(), threading.Event()
    healthy.taken["before"] = Submitted("SM-before")  # its next id is not the other's first
    monkeypatch.setitem(providers.PROVIDERS, "healthy", healthy)
    Route.objects.create(channel="sms", name="otp", provider="healthy", priority=0)
    had_to_wait = []

    def hang() -> None:
        hangs.set()
        answers.wait(20 if at_once > 1 else 0.5)
        answers.set()

    carrier.before = hang
    healthy.before = lambda: (had_to_wait.append(answers.is_set()), carried.set())
    send(make_buyer(), numbers(1))
    with ThreadPoolExecutor(1) as pool:
        ticks = pool.submit(with_a_connection_of_its_own(lambda _: [services.dispatch_due() for _ in range(2)]), None)
        assert hangs.wait(20)
        services.create_sending(buyer=make_buyer(), wanted=wish([DANE], route="otp"))
        carried.wait(20)
        answers.set()
        ticks.result()

    assert had_to_wait == [waited]
