"""Who is not to be sent to: one list, asked before anything is charged."""

import pytest
from django.db import IntegrityError, transaction

from config.errors import InvalidInput
from notifications.errors import DecidedByRecipient
from notifications.models import Channel, Sender, Suppression
from notifications.services import hear, lift, lift_for_customer, suppress, suppressed_among
from notifications.services.addresses import fits, normal
from notifications.services.opt_out_words import is_start, is_stop
from notifications.tests.factories import make_buyer, together

pytestmark = pytest.mark.django_db
ANN = "+254711000001"
BOB = "+254711000002"


def held_back(customer_id: int, *addresses: str, channel: str = "sms") -> set[str]:
    return suppressed_among(customer_id=customer_id, channel=channel, addresses=addresses)


def add(address: str, customer_id=None, channel: str = "sms", reason: str = "manual") -> Suppression:
    return suppress(customer_id=customer_id, channel=channel, address=address, reason=reason, actor="staff:ann")


def test_a_suppression_holds_back_one_customers_messages(buyer):
    other = make_buyer(name="Other")
    add(ANN, buyer.customer_id)
    assert held_back(buyer.customer_id, ANN, BOB) == {ANN}
    assert held_back(other.customer_id, ANN, BOB) == set()


def test_one_without_a_customer_holds_back_everybodys(buyer):
    add(ANN)
    assert held_back(buyer.customer_id, ANN) == {ANN}


def test_it_holds_for_its_channel_alone(buyer):
    add(ANN, buyer.customer_id)
    assert held_back(buyer.customer_id, ANN, channel="email") == set()


def test_the_answer_uses_the_callers_spelling(buyer):
    add("Ann@EXAMPLE.com", buyer.customer_id, channel="email")
    add(ANN.removeprefix("+"), buyer.customer_id)
    assert held_back(buyer.customer_id, "ANN@example.com", "bob@example.com", channel="email") == {"ANN@example.com"}
    assert held_back(buyer.customer_id, ANN.removeprefix("+"), BOB) == {ANN.removeprefix("+")}


def test_domains_are_the_same_in_unicode_and_in_punycode(buyer):
    add("ann@bücher.example", buyer.customer_id, channel="email")
    assert held_back(buyer.customer_id, "ann@xn--bcher-kva.example", channel="email") == {"ann@xn--bcher-kva.example"}


def test_suppressing_again_returns_the_one_in_force(buyer):
    first = add(ANN, buyer.customer_id)
    assert add(ANN, buyer.customer_id) == first
    assert Suppression.objects.count() == 1


def test_lifting_one_reason_leaves_the_other(buyer):
    manual = add(ANN, buyer.customer_id)
    bounced = add(ANN, buyer.customer_id, reason="bounced")
    lift(suppression=manual, actor="staff:ann")
    assert held_back(buyer.customer_id, ANN) == {ANN}
    lift(suppression=bounced, actor="staff:ann")
    assert held_back(buyer.customer_id, ANN) == set()


def test_lifting_twice_keeps_who_was_first(buyer):
    row = add(ANN, buyer.customer_id)
    lift(suppression=row, actor="staff:ann")
    assert lift(suppression=row, actor="staff:bob").lifted_by == "staff:ann"


def test_a_lifted_one_can_be_suppressed_anew(buyer):
    lift(suppression=add(ANN, buyer.customer_id), actor="staff:ann")
    add(ANN, buyer.customer_id)
    assert held_back(buyer.customer_id, ANN) == {ANN}
    assert Suppression.objects.count() == 2


@pytest.mark.parametrize("reason", ["opted_out", "complained"])
def test_a_customer_cannot_take_back_what_the_recipient_decided(buyer, reason):
    row = add(ANN, buyer.customer_id, reason=reason)
    with pytest.raises(DecidedByRecipient):
        lift_for_customer(suppression=row, actor="key:sgk_ab12")
    assert held_back(buyer.customer_id, ANN) == {ANN}


@pytest.mark.parametrize(
    ("channel", "address", "field"),
    [("sms", "nobody", "address"), ("sms", "+1202555\n0100", "address"), ("email", "a@b", "address"),
     ("email", "a@example.com\nBcc: b@example.com", "address"), ("whatsapp", ANN, "channel"),
     ("sms", "١٢٣٤٥٦٧٨٩", "address")],
)  # fmt: skip
def test_what_is_no_address_is_refused(channel, address, field):
    with pytest.raises(InvalidInput) as refusal:
        add(address, channel=channel)
    assert list(refusal.value.errors) == [field]


def test_the_database_keeps_one_in_force_per_reason(buyer):
    row = add(ANN, buyer.customer_id)
    with pytest.raises(IntegrityError, match="suppression_in_force_once"), transaction.atomic():
        Suppression.objects.create(
            customer_id=buyer.customer_id, channel="sms", address=ANN, reason=row.reason, created_by="x"
        )


def test_the_database_refuses_an_address_that_would_match_nothing():
    with pytest.raises(IntegrityError, match="suppression_email_lower_case"), transaction.atomic():
        Suppression.objects.create(channel="email", address="Ann@example.com", reason="manual", created_by="x")
    with pytest.raises(IntegrityError, match="suppression_number_e164"), transaction.atomic():
        Suppression.objects.create(channel="sms", address="254711000001", reason="manual", created_by="x")


@pytest.mark.django_db(transaction=True)
def test_two_at_once_make_one():
    rows = together(*[lambda: add(ANN)] * 4)
    assert len({row.pk for row in rows}) == Suppression.objects.count() == 1


# --- STOP and START ---------------------------------------------------------------------


STOPS = "STOP", "stop", " Stop. ", "STOP ALL", "StopAll", "Unsubscribe!", "opt-out", "« ARRÊT »", "ＳＴＯＰ", "stop\n"


@pytest.mark.parametrize("text", STOPS)
def test_the_words_that_stop(text):
    assert is_stop(text)


@pytest.mark.parametrize("text", ["", "please stop", "STOP it", "don't stop", "stopp", "end of story", "s t o p", "💔"])
def test_other_texts_stop_nothing(text):
    assert not is_stop(text)
    assert not is_start(text)


def test_stop_and_then_start(buyer):
    hear(customer_id=buyer.customer_id, sender=ANN, text="Stop")
    assert held_back(buyer.customer_id, ANN) == {ANN}
    hear(customer_id=buyer.customer_id, sender=ANN, text="start")
    assert held_back(buyer.customer_id, ANN) == set()


def test_start_takes_back_nothing_but_stop(buyer):
    add(ANN, buyer.customer_id, reason="manual")
    assert hear(customer_id=buyer.customer_id, sender=ANN, text="START") is None
    assert held_back(buyer.customer_id, ANN) == {ANN}


def test_stop_to_one_customer_is_none_to_another(buyer):
    other = make_buyer(name="Other")
    hear(customer_id=buyer.customer_id, sender=ANN, text="STOP")
    assert held_back(other.customer_id, ANN) == set()


def test_stop_to_an_own_number_reaches_who_sends_from_it(buyer):
    number = "+12025550199"
    Sender.objects.create(
        customer_id=buyer.customer_id, channel=Channel.SMS, address=number, status="approved", provider="sandbox"
    )
    other = make_buyer(name="Other")
    hear(customer_id=None, sender=ANN, text="STOP", to=number)
    assert held_back(buyer.customer_id, ANN) == {ANN}
    assert held_back(other.customer_id, ANN) == set()


def test_stop_to_a_number_of_the_house_holds_everybody_back(buyer):
    Sender.objects.create(channel=Channel.SMS, address="+12025550199", status="approved", provider="sandbox")
    hear(customer_id=None, sender=ANN, text="STOP", to="+12025550199")
    assert held_back(buyer.customer_id, ANN) == {ANN}


def test_stop_to_a_number_nobody_sends_from_changes_nothing():
    assert hear(customer_id=None, sender=ANN, text="STOP", to="+12025550199") is None
    assert not Suppression.objects.exists()


@pytest.mark.parametrize("sender", ["", "Telegram", "72442", "\x00", "+" * 20])
def test_stop_from_a_name_is_from_nobody(buyer, sender):
    assert hear(customer_id=buyer.customer_id, sender=sender, text="STOP") is None


# --- Spelling and speed --------------------------------------------------------------------


def test_spelling():
    assert normal("email", "A.B+c@EXAMPLE.Com") == "a.b+c@example.com"
    assert normal("sms", "254711000001") == "+254711000001"
    assert not fits("email", "\u212a@example.com")  # a Kelvin sign


def test_a_hundred_thousand_are_asked_at_once(buyer):
    numbers = [f"+2547{number:08}" for number in range(100_000)]
    Suppression.objects.bulk_create(
        Suppression(
            customer_id=buyer.customer_id, channel="sms", address=number, reason="opted_out", created_by="recipient"
        )
        for number in numbers[::50]
    )
    assert held_back(buyer.customer_id, *numbers) == set(numbers[::50])
