"""The pretend provider: real-looking numbers, SMS that come by themselves, and every kind of trouble on demand."""

from datetime import timedelta
from io import StringIO

import phonenumbers
import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from activations.errors import NoNumbersAvailable, ProviderRefused
from activations.models import Activation, InboundMessage, SandboxNumber
from activations.providers import NumberRequest
from activations.providers.sandbox import SandboxProvider
from activations.services import buy, cancel, look_at_due
from activations.services.buying import Wish
from activations.services.sandbox import deliver_due_texts
from activations.tasks import deliver_sandbox_texts, settle_due_activations
from activations.tests.factories import FUNDS, PRICE, differences, let_pass, make_buyer, purse
from catalog.tests.factories import make_offer

pytestmark = pytest.mark.django_db
Status = Activation.Status
provider = SandboxProvider()


@pytest.fixture(autouse=True)
def at_once(settings):
    settings.SANDBOX_DELAY_SECONDS = 0


def bought(buyer, service="telegram", **facts):
    make_offer(service, "US", provider="sandbox", price="0.15", **facts)
    return buy(buyer=buyer, wish=Wish(service, "US"))


def order(reference="a", country="US", service="telegram"):
    return provider.order(NumberRequest(reference, service, "Telegram", country, 900), deadline_seconds=1)


def test_an_sms_comes_by_itself_and_is_paid(buyer):
    activation = bought(buyer)
    assert deliver_sandbox_texts() == 1
    activation.refresh_from_db()
    assert (activation.status, activation.code) == (Status.RECEIVED, SandboxNumber.objects.get().code)
    assert purse(buyer) == (FUNDS - PRICE, 0)
    assert deliver_sandbox_texts() == 0


def test_the_sms_takes_its_time(buyer, settings):
    settings.SANDBOX_DELAY_SECONDS = 3
    bought(buyer)
    assert deliver_due_texts() == 0
    SandboxNumber.objects.update(next_text_at=timezone.now())
    assert deliver_due_texts() == 1


@pytest.mark.parametrize("code", ["000000", "000123", "482913"])
def test_every_wording_carries_a_code_that_is_found(buyer, code):
    for number in range(4):
        bought(make_buyer(name=str(number)), service=f"service-{number}")
    SandboxNumber.objects.update(code=code)
    assert deliver_due_texts() == 4
    assert set(InboundMessage.objects.values_list("code", flat=True)) == {code}


@pytest.mark.parametrize("country", ["US", "GB", "NG", "KE", "GH", "DE", "LV", "SG", "DK", "IN", "BR"])
def test_numbers_have_their_countrys_shape(country):
    phone = order(country=country).phone
    parsed = phonenumbers.parse(phone)
    assert phonenumbers.is_valid_number(parsed)
    assert str(phonenumbers.country_code_for_region(country)) == str(parsed.country_code)


def test_an_unknown_country_still_has_numbers():
    assert order(country="AQ").phone.startswith("+")


def test_the_same_reference_has_the_same_number():
    assert order("a") == order("a") == provider.find("a", deadline_seconds=1)
    assert provider.find("b", deadline_seconds=1) is None


def test_a_silent_one_expires(buyer):
    activation = bought(buyer, "sandbox-silent", ttl_seconds=5)
    assert (activation.ttl_seconds, deliver_due_texts()) == (5, 0)
    let_pass(activation, seconds=6)
    settle_due_activations()
    activation.refresh_from_db()
    assert (activation.status, purse(buyer)) == (Status.EXPIRED, (FUNDS, 0))


@pytest.mark.parametrize(
    ("service", "refusal"), [("sandbox-no-stock", NoNumbersAvailable), ("sandbox-refused", ProviderRefused)]
)
def test_it_says_no(buyer, service, refusal):
    with pytest.raises(refusal):
        bought(buyer, service)
    assert purse(buyer) == (FUNDS, 0)


def test_one_that_hung_turns_out_to_have_given_the_number_and_its_early_sms_counts(buyer):
    activation = bought(buyer, "sandbox-unknown")
    assert (activation.status, purse(buyer)) == (Status.UNKNOWN, (FUNDS, PRICE))
    assert deliver_due_texts() == 1  # faster than we find out whose number it is
    assert InboundMessage.objects.get().state == "unmatched"
    let_pass(activation, seconds=10)
    look_at_due()
    activation.refresh_from_db()
    assert (activation.status, activation.code) == (Status.RECEIVED, SandboxNumber.objects.get().code)
    assert (purse(buyer), differences()) == ((FUNDS - PRICE, 0), [])


def test_three_sms_come_a_second_apart(buyer):
    activation = bought(buyer, "sandbox-multi", multiple_sms=True)
    for _ in range(3):
        assert deliver_due_texts() == 1
        number = SandboxNumber.objects.get()
        if number.next_text_at:
            assert timezone.now() < number.next_text_at <= timezone.now() + timedelta(seconds=1)
            SandboxNumber.objects.update(next_text_at=timezone.now())
    assert (deliver_due_texts(), len({row.code for row in activation.messages.all()})) == (0, 3)
    assert purse(buyer) == (FUNDS - PRICE, 0)


def test_a_canceled_number_gets_no_more_sms(buyer, settings):
    settings.SANDBOX_DELAY_SECONDS = 3
    cancel(activation=bought(buyer))
    SandboxNumber.objects.filter(next_text_at__isnull=False).update(next_text_at=timezone.now())
    assert deliver_due_texts() == 0


def test_two_orders_whose_pretend_numbers_look_the_same_get_their_own_sms(monkeypatch):
    monkeypatch.setattr("activations.providers.sandbox._phone", lambda country: "+12025551000")
    first, second = bought(make_buyer(name="a")), bought(make_buyer(name="b"), "whatsapp")
    assert first.phone == second.phone
    assert deliver_due_texts() == 2
    assert [message.activation_id for message in InboundMessage.objects.order_by("pk")] == [first.pk, second.pk]


def test_one_that_cannot_be_delivered_does_not_stop_the_others(buyer, monkeypatch):
    bad, good = bought(make_buyer(name="a")), bought(buyer, "whatsapp")
    SandboxNumber.objects.filter(reference=bad.uuid).update(code="broken")
    assert deliver_due_texts() == 1
    good.refresh_from_db()
    assert good.status == Status.RECEIVED


# --- By hand ---------------------------------------------------------------------------------------------


def inbound(*arguments):
    out = StringIO()
    call_command("sandbox_inbound", *arguments, stdout=out)
    return out.getvalue()


def test_an_sms_can_be_sent_by_hand(buyer):
    activation = bought(buyer, "sandbox-silent")
    said = inbound("--to", activation.phone, "--text", "G-481516 is your code", "--from", "Google")
    assert said == f"matched: activation {activation.pk}, code 481516\n"
    assert purse(buyer)[0] == FUNDS - PRICE


def test_an_sms_by_hand_to_nobody_is_told_so():
    assert inbound("--to", "+12025559999", "--text", "hello") == "unmatched: nobody, code none\n"


def test_where_the_sandbox_is_off_nothing_can_be_sent_by_hand(settings):
    settings.SANDBOX = False
    with pytest.raises(CommandError):
        inbound("--to", "+12025559999", "--text", "hello")
    assert not InboundMessage.objects.exists()
