"""SMSGist's messages: sent, looked at, sent again; in each mode; and to each credential its own."""

import re
import uuid
from decimal import Decimal
from urllib.parse import urlencode

import pytest

from apikeys.models import ClientCredential
from apikeys.tests.factories import make_client, make_customer
from config.numbers import plain
from notifications import services
from notifications.dialects.smsgist.tests.conftest import EMAIL, FUNDS, SMS, Gist
from notifications.models import Message, SandboxMessage, Sender, Sending
from notifications.tests.factories import differences
from notifications.tests.sending_factories import hand_over_and_report
from wallets.models import Customer, Transaction
from wallets.services import open_wallet

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("world")]
FIRST, SECOND = "+233245972246", "+233201234567"
REFUSED, UNDELIVERED, NO_REPORT = "+233200000001", "+233200000002", "+233200000003"
MOMENT = re.compile(r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\Z")


def error(message):
    return {"status": "error", "message": message, "data": None}


def refused(answer):
    return answer.status_code, answer.json()


def sent(answer) -> str:
    assert answer.status_code == 201, answer.content
    return answer.json()["data"]["message_id"]


def money(wallet):
    wallet.refresh_from_db()
    return wallet.balance, wallet.held


# --- Sending --------------------------------------------------------------------------------


def test_an_sms_is_queued_and_its_price_reserved(gist, wallet):
    answer = gist.sms(FIRST, SECOND)
    data = answer.json()["data"]
    assert (answer.status_code, answer.json()["message"]) == (201, "SMS queued for sending successfully")
    assert {name: value for name, value in data.items() if name not in {"message_id", "recipients"}} == {
        "status": "queued", "recipients_count": 2, "segments": 1, "total_cost": 0.06, "cost_per_unit": 0.03,
    }  # fmt: skip
    assert [each["recipient"] for each in data["recipients"]] == [FIRST, SECOND]
    assert uuid.UUID(data["message_id"]) == Sending.objects.get().uuid
    ids = Message.objects.order_by("id").values_list("uuid", flat=True)
    assert [each["recipient_id"] for each in data["recipients"]] == [str(each) for each in ids]
    assert money(wallet) == (FUNDS, 2 * SMS)


def test_an_email_has_no_segments(gist, wallet):
    data = gist.email("user@example.com", "other@example.com", from_name="MyApp Team").json()["data"]
    assert (data["segments"], data["total_cost"], data["cost_per_unit"]) == (0, 0.002, 0.001)
    assert money(wallet) == (FUNDS, 2 * EMAIL)


def test_the_total_is_each_recipients_own_and_the_unit_is_the_firsts(gist):
    data = gist.sms("+447911123456", FIRST, message="a" * 161).json()["data"]
    assert (data["segments"], data["cost_per_unit"], data["total_cost"]) == (2, 0.05, 0.16)


def test_the_same_recipient_gets_it_once(gist):
    data = gist.sms(SECOND, FIRST, SECOND).json()["data"]
    assert [each["recipient"] for each in data["recipients"]] == [SECOND, FIRST]
    assert data["total_cost"] == 0.06


def test_a_number_at_home_is_told_as_it_is_sent_to(gist, customer):
    Customer.objects.update(default_region="GH")
    data = gist.sms("0245972246", FIRST).json()["data"]
    assert [each["recipient"] for each in data["recipients"]] == [FIRST]


def test_a_form_sends_too(gist):
    form = urlencode({"recipients": [FIRST, SECOND], "message": "Your OTP is 482916"}, doseq=True)
    answer = gist.post("/api/sms/send", form, "application/x-www-form-urlencoded")
    assert sent(answer)
    assert answer.json()["data"]["recipients_count"] == 2


def test_what_reaches_the_carrier_is_taken_and_what_fails_is_given_back(gist, wallet):
    gist.sms(FIRST, REFUSED, UNDELIVERED)
    hand_over_and_report()
    assert money(wallet) == (FUNDS - 2 * SMS, Decimal(0))  # regular: the carrier was paid for the undelivered one
    assert differences() == []


def test_otp_goes_before_what_waits_and_is_given_back_when_undelivered(gist, wallet, settings):
    regular, otp = sent(gist.sms(FIRST)), sent(gist.sms(UNDELIVERED, route="otp"))
    services.dispatch_due()
    asked = SandboxMessage.objects.order_by("id").values_list("reference", flat=True)
    first, second = (Message.objects.get(uuid=reference) for reference in asked)
    assert [str(each.chunk.sending.uuid) for each in (first, second)] == [otp, regular]
    hand_over_and_report()
    assert money(wallet) == (FUNDS - SMS, Decimal(0))


# --- Refused ----------------------------------------------------------------------------------


def test_what_is_missing_is_400_and_what_is_bad_is_422(gist, wallet):
    assert refused(gist.send(message="x")) == (400, error("The recipients field is required."))
    assert refused(gist.send(recipients=FIRST)) == (400, error("The message field is required."))
    assert refused(gist.sms(FIRST, "024")) == (422, error("This is no phone number: 024"))
    assert refused(gist.sms(route="fast")) == (422, error("The route is one of regular, otp."))
    for bad in ({"message": ""}, {"message": "x" * 20_000}, {"recipients": []}):
        status, body = refused(gist.sms(**bad))
        assert (status, body["data"]) == (422, None), bad
    assert not Sending.objects.exists()
    assert money(wallet) == (FUNDS, 0)


@pytest.mark.parametrize(
    "bad",
    [{"subject": "Hello\nBcc: victim@example.com"}, {"from_name": "A\r\nBcc: b@example.com"},
     {"reply_to": "a@example.com\n"}, {"reply_to": "nobody"}, {"recipients": ["a@example.com\nb@example.com"]},
     {"recipients": ["nobody"]}, {"subject": ""}, {"body": ""}, {"subject": "x" * 1_000}],
)  # fmt: skip
def test_nothing_gets_into_a_mails_headers(gist, bad):
    answer = gist.email("user@example.com", **bad)
    assert (answer.status_code, answer.json()["status"]) == (422, "error")
    assert not Sending.objects.exists()


def test_too_few_credits_are_402_and_nothing_is_reserved():
    poor = make_customer("Poor", currency="GHS")
    answer = Gist(make_client(poor)[1]).sms()
    assert refused(answer) == (402, error("Insufficient credits"))
    assert not Sending.objects.exists()
    assert money(poor.wallets.get()) == (0, 0)


def test_a_suspended_customer_may_look_but_not_send(gist):
    message_id = sent(gist.sms())
    Customer.objects.update(status="suspended")
    assert gist.status(message_id).status_code == 200
    assert gist.sms().status_code == gist.retry(message_id).status_code == 403
    assert gist.sms().json()["data"] is None


def test_a_credential_that_may_only_read_does_not_send(gist):
    ClientCredential.objects.update(scopes=["read"])
    assert gist.sms().status_code == gist.email("user@example.com").status_code == 403
    assert not Sending.objects.exists()


# --- Once -------------------------------------------------------------------------------------


def test_the_same_key_gets_the_first_answer_again(gist, wallet):
    first, again = gist.sms(key="order-4711"), gist.sms(key="order-4711")
    assert (again.status_code, again.content, again["Idempotency-Replay"]) == (201, first.content, "true")
    assert Sending.objects.count() == 1
    assert money(wallet) == (FUNDS, SMS)


def test_the_same_key_for_something_else_is_refused_and_on_another_route_is_another(gist):
    gist.sms(key="k")
    assert gist.sms(SECOND, key="k").status_code == 422
    assert sent(gist.email("user@example.com", key="k"))


def test_a_dry_run_under_the_same_key_does_not_keep_the_real_one_from_being_sent(gist, another, wallet):
    played, real = sent(another(mode="dryrun").sms(key="order-4711")), sent(gist.sms(key="order-4711"))
    assert played != real
    assert set(Message.objects.values_list("mode", "billing")) == {("dryrun", "free"), ("live", "held")}
    assert money(wallet) == (FUNDS, SMS)


def test_after_a_refusal_the_key_may_be_used_again(gist, wallet, customer):
    Customer.objects.update(default_region="GH")
    assert gist.sms("bad", key="k").status_code == 422
    assert sent(gist.sms(FIRST, key="k"))


# --- Looking ----------------------------------------------------------------------------------


def test_the_status_tells_of_each_recipient(gist):
    message_id = sent(gist.sms(FIRST, UNDELIVERED))
    queued = gist.status(message_id).json()["data"]
    assert (queued["status"], queued["pending"], queued["sent_at"]) == ("queued", 2, None)
    hand_over_and_report()
    answer = gist.status(message_id)
    data = answer.json()["data"]
    assert (answer.status_code, answer.json()["message"]) == (200, "Action performed successfully")
    assert (data["message_id"], data["service"], data["status"]) == (message_id, "sms", "sent")
    assert [data[name] for name in ("total_recipients", "delivered", "pending", "failed")] == [2, 1, 0, 1]
    reached, failed = data["recipients"]
    assert MOMENT.match(data["sent_at"])
    assert MOMENT.match(reached.pop("delivered_at"))
    assert {**reached, "recipient_id": ""} == {
        "recipient_id": "", "recipient": FIRST, "send_status": "sent", "delivery_status": "DELIVERED",
        "error_message": None,
    }  # fmt: skip
    assert {**failed, "recipient_id": ""} == {
        "recipient_id": "", "recipient": UNDELIVERED, "send_status": "failed", "delivery_status": "FAILED",
        "delivered_at": None, "error_message": "Number not reachable",
    }  # fmt: skip


def test_a_message_of_which_all_failed_has_failed(gist):
    message_id = sent(gist.sms(REFUSED, UNDELIVERED))
    hand_over_and_report()
    assert gist.status(message_id).json()["data"]["status"] == "failed"


def test_only_the_credential_that_sent_it_sees_it(gist, another):
    message_id = sent(gist.sms(REFUSED))
    hand_over_and_report()
    stranger = Gist(make_client(make_customer("Stranger", currency="GHS"))[1])
    for other in (another(), stranger):
        assert refused(other.status(message_id)) == (404, error("Resource not found"))
        assert refused(other.retry(message_id)) == (404, error("Resource not found"))
    assert gist.status(message_id).status_code == 200


@pytest.mark.parametrize("message_id", ["7f3a2b9d-1e4c-4b2a-9d1e-4c7f3a2b9d1e", "1", "x", "ü", "%00"])
def test_a_message_that_is_not_there_is_404(gist, message_id):
    assert refused(gist.status(message_id)) == (404, error("Resource not found"))
    assert refused(gist.retry(message_id)) == (404, error("Resource not found"))


# --- Again ------------------------------------------------------------------------------------


def test_a_retry_sends_to_those_who_failed_and_is_paid_anew(gist, wallet):
    message_id = sent(gist.sms(FIRST, REFUSED))
    hand_over_and_report()
    answer = gist.retry(message_id)
    data = answer.json()["data"]
    assert (answer.status_code, answer.json()["message"]) == (201, "Message re-queued successfully")
    assert {**data, "message_id": ""} == {
        "message_id": "", "original_message_id": message_id, "status": "queued", "recipients_count": 1,
        "total_cost": 0.03,
    }  # fmt: skip
    assert money(wallet) == (FUNDS - SMS, SMS)
    (only,) = gist.status(data["message_id"]).json()["data"]["recipients"]
    assert only["recipient"] == REFUSED


def test_nobody_is_retried_twice(gist):
    message_id = sent(gist.sms(REFUSED))
    hand_over_and_report()
    again = sent(gist.retry(message_id))
    assert gist.retry(message_id).status_code == 422
    assert gist.retry(again).status_code == 422  # still pending
    hand_over_and_report()
    assert sent(gist.retry(again))
    assert Sending.objects.count() == 3


def test_there_is_nothing_to_retry_while_one_is_pending_or_when_none_failed(gist):
    reached, waiting = sent(gist.sms(FIRST)), sent(gist.sms(REFUSED, NO_REPORT))
    hand_over_and_report()
    for message_id in (reached, waiting):
        status, body = refused(gist.retry(message_id))
        assert (status, body["status"], body["data"]) == (422, "error", None)


def test_a_retry_with_the_same_key_happens_once(gist):
    message_id = sent(gist.sms(REFUSED))
    hand_over_and_report()
    first, again = gist.retry(message_id, key="k"), gist.retry(message_id, key="k")
    assert (again.status_code, again.content) == (201, first.content)


def test_a_retry_without_credits_is_402(gist, wallet, customer):
    message_id = sent(gist.sms(REFUSED))
    hand_over_and_report()
    sent(gist.sms(*(f"+2332011{number:05}" for number in range(4_183))))  # all that is there but 0.01
    assert refused(gist.retry(message_id)) == (402, error("Insufficient credits"))


# --- Modes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["dryrun", "test"])
def test_outside_live_mode_no_credits_are_needed_and_none_move(mode):
    penniless = make_customer("Penniless", currency="GHS")
    program = Gist(make_client(penniless, mode=mode, test_phone="+233245000000")[1])
    message_id = sent(program.sms(FIRST, REFUSED))
    hand_over_and_report()
    data = program.status(message_id).json()["data"]
    assert data["pending"] == 0
    assert money(penniless.wallets.get()) == (0, 0)
    assert not Transaction.objects.filter(wallet__customer=penniless).exists()
    assert set(Message.objects.values_list("mode", "billing")) == {(mode, "free")}


def test_a_dry_run_never_reaches_the_carrier(another):
    Sender.objects.update(provider="twilio")
    program = another(mode="dryrun")
    message_id = sent(program.sms(FIRST))
    hand_over_and_report()
    assert Message.objects.get().provider == "sandbox"
    assert program.status(message_id).json()["data"]["delivered"] == 1


def test_in_test_mode_everything_goes_to_the_test_phone_and_address(another):
    program = another(mode="test", test_phone="+233245000000", test_email="qa@example.com")
    told = program.sms(FIRST, SECOND).json()["data"]["recipients"]
    program.email("user@example.com")
    assert [each["recipient"] for each in told] == [FIRST, SECOND]
    services.dispatch_due()
    assert set(SandboxMessage.objects.values_list("to", flat=True)) == {"+233245000000", "qa@example.com"}


def test_test_mode_without_an_address_is_422(another):
    program = another(mode="test", test_email="qa@example.com")
    status, body = refused(program.sms())
    assert (status, body["message"].startswith("Test mode")) == (422, True)
    assert sent(program.email("user@example.com"))


def test_a_message_is_not_sent_again_in_another_mode(another, customer):
    program = another(mode="test", test_phone=REFUSED)
    message_id = sent(program.sms(FIRST))
    hand_over_and_report()
    ClientCredential.objects.update(mode="live")
    assert program.retry(message_id).status_code == 422
    ClientCredential.objects.update(mode="test")
    assert sent(program.retry(message_id))
    assert set(Message.objects.values_list("redirected_to", flat=True)) == {REFUSED}


def test_ghs_is_what_is_spent_whatever_else_there_is(gist, customer, wallet):
    dollars = open_wallet(customer=customer, currency="USD")
    assert plain(Decimal(str(gist.sms().json()["data"]["total_cost"]))) == SMS
    assert money(dollars) == (0, 0)
    assert money(wallet) == (FUNDS, SMS)
