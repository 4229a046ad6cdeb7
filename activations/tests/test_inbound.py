"""An SMS arrives: taken once, given to whom it belongs, kept whatever it holds, erased in time."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from activations.models import Activation, InboundMessage
from activations.providers import OutcomeUnknown
from activations.providers.sandbox import SandboxProvider
from activations.services import buy, cancel, erase_texts, look_at_due, receive_text, resolve, resolve_late
from activations.services.phones import e164
from activations.tasks import erase_old_texts
from activations.tests.factories import FUNDS, PRICE, buyer_of, differences, let_pass, make_fake_offer, purse, wish
from wallets.models import Event
from wallets.tasks import erase_event_payloads

pytestmark = pytest.mark.django_db
Status = Activation.Status
State = InboundMessage.State
CODE = "Your Telegram code is 482913"


@pytest.fixture
def order(provider, buyer, offer):
    return buy(buyer=buyer, wish=wish())


def sms(to, text=CODE, provider="fake", message_id="sms-1", **facts):
    return receive_text(provider=provider, provider_message_id=message_id, to=to, text=text, **facts)


# --- Once ------------------------------------------------------------------------------------------------


def test_the_same_message_is_taken_once(buyer, order):
    first = sms(order.phone)
    assert sms(order.phone, "another text under the same id") == first
    assert InboundMessage.objects.get().text == CODE
    assert (purse(buyer), Event.objects.filter(kind="activation.code_received").count()) == ((FUNDS - PRICE, 0), 1)


def test_the_same_id_of_another_provider_is_another_message(order):
    assert sms(order.phone) != sms(order.phone, provider="carrier")


def test_an_unmatched_message_is_taken_once(db):
    assert sms("+12025559999") == sms("+12025559999")


def test_a_long_message_id_is_still_unique(order):
    first = sms(order.phone, message_id="x" * 500 + "1")
    assert sms(order.phone, message_id="x" * 500 + "1") == first
    assert sms(order.phone, message_id="x" * 500 + "2") != first


# --- To whom ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written",
    ["+12025551000", "12025551000", "0012025551000", "+1 (202) 555-1000", "tel:+12025551000", "1-202-555-1000"],
)
def test_carriers_write_numbers_in_many_forms(order, written):
    assert sms(written).activation_id == order.pk


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("+442071838750", "+442071838750"),
        ("sip:+442071838750;user=phone", "+442071838750"),
        ("12345", None),
        ("Telegram", None),
        ("", None),
        ("0712345678", None),  # national: of which country?
        ("1" * 16, None),
        ("+00112345678", None),
        ("١٢٠٢٥٥٥١٠٠٠", None),
    ],
)
def test_what_is_a_number(written, number):
    assert e164(written) == number


def test_nobodys_sms_is_kept(db):
    message = sms("+12025559999")
    assert (message.state, message.activation, message.code) == (State.UNMATCHED, None, "482913")


@pytest.mark.parametrize("to", ["", "12345", "Telegram", "x" * 300, "+" + "9" * 50, "a\x00b"])
def test_an_sms_to_what_is_no_number_is_kept_too(db, to):
    assert sms(to).state == State.UNMATCHED


def test_an_sms_after_the_rental_is_a_late_case_and_moves_no_money(buyer, order):
    cancel(activation=order)
    message = sms(order.phone)
    order.refresh_from_db()
    assert (message.state, message.activation_id) == (State.LATE, order.pk)
    assert (order.status, order.code, purse(buyer)) == (Status.CANCELED, "", (FUNDS, Decimal(0)))
    assert not Event.objects.filter(kind="activation.code_received").exists()
    assert order.shown_messages == []


def test_a_row_that_was_read_before_the_sms_came_tells_nothing_of_it_yet(order):
    read_before = Activation.objects.get(pk=order.pk)
    sms(order.phone)
    told = [
        (row.status, row.code, len(row.shown_messages)) for row in (read_before, Activation.objects.get(pk=order.pk))
    ]
    assert told == [(Status.WAITING, "", 0), (Status.RECEIVED, "482913", 1)]


def test_long_after_the_rental_it_is_nobodys(order):
    cancel(activation=order)
    let_pass(order, days=8)
    assert sms(order.phone).state == State.UNMATCHED


def test_after_an_earned_rental_it_is_an_extra(order):
    sms(order.phone)
    let_pass(order, hours=1)
    look_at_due()
    assert sms(order.phone, message_id="sms-2").state == State.EXTRA


def test_staff_resolve_a_late_case_once(order):
    cancel(activation=order)
    late = sms(order.phone)
    resolve_late(message=late, resolution="Refunded by hand", actor="staff:ann")
    again = resolve_late(message=late, resolution="Something else", actor="staff:bob")
    assert (again.resolution, again.resolved_at is not None) == ("Refunded by hand", True)
    assert resolve_late(message=sms("+12025559999", message_id="2"), resolution="x" * 999, actor="staff:ann")


def test_a_number_rented_again_gets_its_sms_for_the_new_order(provider, buyer, order):
    cancel(activation=order)
    provider.give = lambda reference: provider.given.setdefault(reference, provider.given[str(order.uuid)])
    second = buy(buyer=buyer, wish=wish())
    assert second.phone == order.phone
    assert sms(order.phone).activation_id == second.pk


def test_a_real_sms_never_goes_to_a_pretend_number_that_looks_the_same(provider, buyer, order):
    pretend = buy(buyer=buyer_of(order.customer, mode="test"), wish=wish())
    Activation.objects.filter(pk=pretend.pk).update(phone=order.phone)
    assert sms(order.phone).activation_id == order.pk
    assert sms(order.phone, provider="sandbox", message_id="2").activation_id == pretend.pk


def test_a_carriers_sms_is_not_for_a_pretend_number_alone(provider, buyer, order):
    pretend = buy(buyer=buyer_of(order.customer, mode="test"), wish=wish())
    assert sms(pretend.phone, provider="carrier").state == State.UNMATCHED


def test_a_pretend_number_takes_up_no_real_sms_that_came_early(provider, buyer, offer, monkeypatch):
    monkeypatch.setattr("activations.providers.sandbox._phone", lambda country: "+12025559999")
    remember = SandboxProvider._remember
    monkeypatch.setattr(
        SandboxProvider, "_remember", lambda *args: sms("+12025559999", provider="carrier") and remember(*args)
    )
    pretend = buy(buyer=replace(buyer, mode="test"), wish=wish())
    assert (pretend.status, InboundMessage.objects.get().state) == (Status.WAITING, State.UNMATCHED)


def test_by_hand_the_sandbox_can_send_to_any_number(order):
    assert sms(order.phone, provider="sandbox").activation_id == order.pk


# --- Before the number was known to be ours ---------------------------------------------------------------


def test_an_sms_that_came_before_the_outcome_was_known_is_not_lost(provider, buyer, offer):
    provider.after["order"] = OutcomeUnknown()
    order = buy(buyer=buyer, wish=wish())
    early = sms("+12025551000")
    assert early.state == State.UNMATCHED
    found = resolve(order)
    early.refresh_from_db()
    assert (found.status, found.code, early.state, early.activation_id) == (
        Status.RECEIVED, "482913", State.MATCHED, order.pk,
    )  # fmt: skip
    assert purse(buyer) == (FUNDS - PRICE, 0)
    assert Event.objects.filter(kind="activation.code_received").count() == 1
    assert differences() == []


def test_an_sms_faster_than_the_providers_own_answer_is_not_lost(provider, buyer, offer):
    provider.after["order"] = lambda: sms("+12025551000")
    assert buy(buyer=buyer, wish=wish()).status == Status.RECEIVED
    assert purse(buyer) == (FUNDS - PRICE, 0)


def test_of_several_early_ones_the_first_is_the_one(provider, buyer, offer):
    provider.after["order"] = lambda: [sms("+12025551000", f"code 111{n}", message_id=f"{n}") for n in range(2)]
    order = buy(buyer=buyer, wish=wish())
    assert [(row.code, row.state) for row in InboundMessage.objects.order_by("pk")] == [
        ("1110", State.MATCHED), ("1111", State.EXTRA),
    ]  # fmt: skip
    assert order.code == "1110"


def test_an_sms_from_before_the_order_is_not_its_own(provider, buyer, offer):
    old = sms("+12025551000", received_at=timezone.now() - timedelta(minutes=1))
    assert buy(buyer=buyer, wish=wish()).status == Status.WAITING
    old.refresh_from_db()
    assert old.state == State.UNMATCHED


# --- Whatever it holds ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("code 4829\x0013", "code 4829\ufffd13"),
        ("half \ud83d a pair", "half \ufffd a pair"),
        ("\ud83c\udf89 482913", "🎉 482913"),
        ("🎉🎉 Your code is 482913 🎉", "🎉🎉 Your code is 482913 🎉"),
        ("x" * 10_000, "x" * 10_000),
        ("", ""),
        ("'; DROP TABLE wallets_wallet; --", "'; DROP TABLE wallets_wallet; --"),
    ],
)
def test_any_text_is_taken_and_earns(buyer, order, text, kept):
    assert sms(order.phone, text).text == kept
    order.refresh_from_db()
    assert (order.status, purse(buyer)) == (Status.RECEIVED, (FUNDS - PRICE, 0))
    assert Event.objects.get(kind="activation.code_received").payload["text"] == kept


@pytest.mark.parametrize("sender", ["x" * 500, "a\x00b", "\ud800", "🎉" * 40])
def test_any_sender_is_taken(order, sender):
    message = sms(order.phone, sender=sender)
    message.refresh_from_db()
    assert 0 < len(message.sender) <= 32


def test_a_hostile_text_at_the_provider_does_not_keep_the_order_open(provider, buyer, order):
    provider.send(order, "\x00")
    let_pass(order, hours=1)
    look_at_due()
    order.refresh_from_db()
    assert (order.status, purse(buyer)) == (Status.FINISHED, (FUNDS - PRICE, 0))


# --- Retention ---------------------------------------------------------------------------------------------------


def test_texts_codes_and_events_are_erased_after_their_time(order, settings):
    settings.SMS_TEXT_RETENTION_DAYS = 30
    message = sms(order.phone, sender="Telegram")
    assert message.erase_after - message.received_at >= timedelta(days=30)
    InboundMessage.objects.update(erase_after=timezone.now())
    Event.objects.filter(kind="activation.code_received").update(erase_after=timezone.now())
    assert [erase_old_texts(), erase_old_texts()] == [1, 0]
    erase_event_payloads()
    message.refresh_from_db()
    order.refresh_from_db()
    assert (message.text, message.code, message.sender, order.code) == ("", "", "", "")
    assert message.erased_at is not None
    assert Event.objects.get(kind="activation.code_received").payload == {}


def test_what_is_not_due_stays(order):
    sms(order.phone)
    assert erase_texts() == 0
    assert InboundMessage.objects.get().text == CODE


def test_more_than_one_batch_is_erased_at_once(db):
    for number in range(5):
        sms("+12025559999", message_id=str(number))
    InboundMessage.objects.update(erase_after=timezone.now())
    assert erase_texts(batch=2) == 5


def test_several_sms_keep_their_order_and_states(provider, buyer):
    make_fake_offer(multiple_sms=True)
    order = buy(buyer=buyer, wish=wish())
    for number in range(3):
        sms(order.phone, f"code 111{number}", message_id=str(number))
    assert [row.code for row in Activation.objects.get().shown_messages] == ["1110", "1111", "1112"]
