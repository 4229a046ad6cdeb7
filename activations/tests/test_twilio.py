"""Twilio's numbers: bought, found, released over real HTTP, and its SMS webhook with its signature."""

from decimal import Decimal
from urllib.parse import urlencode

import pytest
from twilio.request_validator import RequestValidator

from activations.errors import NoNumbersAvailable, ProviderRefused
from activations.models import InboundMessage, Subscription
from activations.providers import NumberRequest, OutcomeUnknown, ProviderError, provider_for
from activations.services import subscriptions
from activations.tests.factories import differences, make_buyer, purse
from activations.tests.number_factories import make_plan, subscribe
from activations.tests.twilio_server import SID, TOKEN, FakeTwilio

WEBHOOK = "/api/webhooks/twilio/sms"
PUBLIC = "https://saldo.example"
MOBILE = "+447700900001"
REQUEST = NumberRequest("ref-1", "", "Monthly number", "GB", 0, monthly=True)
EMPTY = '<?xml version="1.0" encoding="UTF-8"?><Response/>'


@pytest.fixture
def twilio(settings):
    fake = FakeTwilio()
    settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKENS, settings.TWILIO_BASE_URL = SID, [TOKEN], fake.url
    settings.PUBLIC_BASE_URL = PUBLIC
    fake.stock[("GB", "Mobile")] = [MOBILE, "+447700900002", "+447700900003", "+447700900004"]
    yield fake
    fake.close()
    assert fake.wrong == []


def order(request=REQUEST, deadline_seconds=2.0):
    return provider_for("twilio").order(request, deadline_seconds=deadline_seconds)


def find(reference="ref-1"):
    return provider_for("twilio").find(reference, deadline_seconds=2)


# --- Buying -----------------------------------------------------------------------------------


def test_a_number_is_bought_with_our_reference_and_our_webhook(twilio):
    given = order()
    (bought,) = twilio.numbers.values()
    assert (given.id, given.phone) == (bought["sid"], MOBILE)
    assert (bought["friendly_name"], bought["sms_url"]) == ("ref-1", PUBLIC + WEBHOOK)
    assert find() == given


def test_where_there_are_no_mobile_numbers_a_local_one_is_bought(twilio):
    twilio.stock[("US", "Local")] = ["+12025550100"]
    request = NumberRequest("ref-2", "", "Monthly number", "US", 0, monthly=True)
    assert order(request).phone == "+12025550100"
    assert [path for method, path, _ in twilio.requests] == [
        "AvailablePhoneNumbers/US/Mobile", "AvailablePhoneNumbers/US/Local", "IncomingPhoneNumbers",
    ]  # fmt: skip


def test_a_number_that_somebody_else_was_faster_to_buy_is_passed_over(twilio):
    twilio.taken = {MOBILE}
    assert order().phone == "+447700900002"


def test_a_country_without_numbers_is_a_clear_no(twilio):
    with pytest.raises(ProviderError) as refusal:
        order(NumberRequest("ref-3", "", "Monthly number", "AQ", 0, monthly=True))
    assert refusal.value.code == "no_numbers_available"


def test_it_sells_no_number_for_minutes(twilio):
    with pytest.raises(ProviderError):
        order(NumberRequest("ref-4", "telegram", "Telegram", "GB", 900))
    assert twilio.requests == []


@pytest.mark.parametrize("status", [400, 401, 403, 429])
def test_a_refused_purchase_is_a_clear_no(twilio, status):
    twilio.instead["POST IncomingPhoneNumbers"] = status
    with pytest.raises(ProviderError) as refusal:
        order()
    assert refusal.value.permanent is (status != 429)
    assert find() is None


@pytest.mark.parametrize("trouble", ["cut before", "cut after", "nonsense", 500, 503])
def test_a_purchase_whose_answer_is_lost_is_unknown_and_found_by_our_reference(twilio, trouble):
    twilio.instead["POST IncomingPhoneNumbers"] = trouble
    with pytest.raises(OutcomeUnknown):
        order()
    happened = trouble in {"cut after", "nonsense"}
    assert (find() is not None) == happened


def test_a_search_without_an_answer_is_a_no_because_nothing_was_bought(twilio):
    twilio.instead["GET AvailablePhoneNumbers/GB/Mobile"] = "cut before"
    with pytest.raises(ProviderError) as refusal:
        order()
    assert refusal.value.permanent is False


def test_a_purchase_that_hangs_ends_with_the_deadline(twilio):
    twilio.instead["POST IncomingPhoneNumbers"] = "hang"
    with pytest.raises(OutcomeUnknown):
        order(deadline_seconds=0.5)


@pytest.mark.parametrize("trouble", [401, 500, "cut before", "nonsense"])
def test_a_list_without_an_answer_never_says_that_nothing_was_bought(twilio, trouble):
    order()
    twilio.instead["GET IncomingPhoneNumbers"] = trouble
    with pytest.raises(OutcomeUnknown):
        find()


def test_another_number_with_a_similar_name_is_not_ours(twilio):
    order(NumberRequest("REF-1-other", "", "Monthly number", "GB", 0, monthly=True))
    assert find() is None


def test_releasing_a_number_twice_is_fine(twilio):
    given = order()
    for _ in range(2):
        provider_for("twilio").give_back(given.id, deadline_seconds=2)
    assert twilio.numbers == {}


def test_without_an_account_it_has_no_numbers(settings):
    settings.TWILIO_ACCOUNT_SID = ""
    with pytest.raises(ProviderError):
        order()


# --- A whole subscription ---------------------------------------------------------------------


@pytest.mark.django_db
def test_a_subscription_from_purchase_to_release(twilio):
    make_plan("GB", provider="twilio")
    buyer = make_buyer(Decimal(20))
    bought = subscriptions.purchase(buyer=buyer, country="GB")
    assert (bought.phone, bought.provider_number_id) == (MOBILE, next(iter(twilio.numbers)))
    subscriptions.cancel(subscription=bought, at_once=True)
    subscriptions.settle_numbers()
    assert twilio.numbers == {}
    assert differences() == []


@pytest.mark.django_db
def test_a_lost_answer_is_resolved_and_the_money_kept_for_the_number(twilio):
    make_plan("GB", provider="twilio")
    buyer = make_buyer(Decimal(20))
    twilio.instead["POST IncomingPhoneNumbers"] = "cut after"
    unknown = subscriptions.purchase(buyer=buyer, country="GB")
    assert unknown.status == Subscription.Status.UNKNOWN
    begun = subscriptions.resume(unknown)
    assert (begun.status, begun.phone, purse(buyer)[0]) == (Subscription.Status.ACTIVE, MOBILE, Decimal(14))
    assert len(twilio.numbers) == 1


@pytest.mark.django_db
@pytest.mark.parametrize(("trouble", "refusal"), [(400, ProviderRefused), (None, NoNumbersAvailable)])
def test_a_no_gives_the_money_back(twilio, trouble, refusal):
    make_plan("GB", provider="twilio")
    buyer = make_buyer(Decimal(20))
    twilio.instead["POST IncomingPhoneNumbers"] = trouble
    if trouble is None:
        twilio.stock.clear()
    with pytest.raises(refusal):
        subscriptions.purchase(buyer=buyer, country="GB")
    assert purse(buyer)[0] == 20


# --- The webhook ------------------------------------------------------------------------------

FORM = {
    "MessageSid": "SM" + "1" * 32, "From": "+1234567890", "To": "+12025551000", "Body": "Your code is 123456 €",
    "NumMedia": "0", "FromCity": "",
}  # fmt: skip


@pytest.fixture
def number(twilio, provider):
    make_plan()
    return subscribe()


def deliver(client, form=FORM, signature=None, path=WEBHOOK, token=TOKEN):
    """Post a form as Twilio does; signed by Twilio's own library unless a signature is given."""
    signature = RequestValidator(token).compute_signature(PUBLIC + path, form) if signature is None else signature
    headers = {"X-Twilio-Signature": signature} if signature else {}
    return client.generic(
        "POST", path, urlencode(form), content_type="application/x-www-form-urlencoded", headers=headers
    )


@pytest.mark.django_db
def test_a_signed_sms_reaches_the_number_and_is_answered_with_empty_twiml(client, number):
    answer = deliver(client)
    assert (answer.status_code, answer.content.decode(), answer["Content-Type"]) == (200, EMPTY, "text/xml")
    message = number.messages.get()
    assert (message.text, message.sender, message.provider) == (FORM["Body"], "+1234567890", "twilio")


@pytest.mark.django_db
def test_a_repeated_delivery_is_answered_alike_and_kept_once(client, number):
    assert [deliver(client).status_code for _ in range(3)] == [200, 200, 200]
    assert InboundMessage.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("signature", ["", "wrong", "Zm9v", "é"])
def test_what_twilio_did_not_sign_is_403_and_not_kept(client, number, signature):
    unsigned = deliver(client, FORM, signature)
    assert (unsigned.status_code, unsigned.json()["error"]) == (403, "forbidden")
    assert InboundMessage.objects.count() == 0


@pytest.mark.django_db
def test_a_changed_text_another_path_or_another_token_breaks_the_signature(client, number):
    signed = RequestValidator(TOKEN).compute_signature(PUBLIC + WEBHOOK, FORM)
    assert deliver(client, FORM | {"Body": "other"}, signed).status_code == 403
    assert deliver(client, FORM, signed, path=f"{WEBHOOK}?more=1").status_code == 403
    assert deliver(client, token="another").status_code == 403


@pytest.mark.django_db
def test_a_query_string_is_part_of_what_is_signed(client, number):
    assert deliver(client, path=f"{WEBHOOK}?route=1").status_code == 200


@pytest.mark.django_db
def test_while_a_token_is_rotated_both_are_good(client, number, settings):
    settings.TWILIO_AUTH_TOKENS = ["newer", TOKEN]
    assert deliver(client).status_code == 200
    assert deliver(client, token="newer").status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("tokens", [[], [""]])
def test_without_a_token_nothing_is_signed(client, number, settings, tokens):
    settings.TWILIO_AUTH_TOKENS = tokens
    assert deliver(client, token="").status_code == 403


@pytest.mark.django_db
def test_the_signature_is_that_of_twilios_own_library(client, number):
    form = {"MessageSid": "SM2", "To": number.phone, "From": "INFO", "Body": " ünï\n&=+% ", "A": "1", "a": "2"}
    assert deliver(client, form).status_code == 200
    assert number.messages.get().text == " ünï\n&=+% "


@pytest.mark.django_db
@pytest.mark.parametrize("missing", ["MessageSid", "To"])
def test_a_signed_form_without_its_facts_is_422(client, number, missing):
    form = {name: value for name, value in FORM.items() if name != missing}
    assert deliver(client, form).status_code == 422


@pytest.mark.django_db
def test_a_text_without_words_is_a_text(client, number):
    assert deliver(client, FORM | {"Body": ""}).status_code == 200
    assert number.messages.get().text == ""


@pytest.mark.django_db
def test_only_a_posted_form_is_understood(client, twilio):
    assert client.get(WEBHOOK).status_code == 405
    assert client.post(WEBHOOK, "{}", content_type="application/json").status_code == 415
