"""From an event to a customer's server: at least once, one id, patiently, and only to whom it concerns."""

import json
import threading
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone
from standardwebhooks import Webhook

from notifications.models import Message, WebhookAttempt, WebhookDelivery, WebhookEndpoint
from notifications.services import create_sending, webhooks
from notifications.services.webhooks import claiming
from notifications.services.webhooks.dispatcher import _write_down as write_down
from notifications.services.webhooks.outcomes import Outcome, record
from notifications.tests.factories import make_buyer
from notifications.tests.sending_factories import REFUSED, hand_over_and_report, make_sms_world, wish
from notifications.tests.webhooks import API_KEY, CODE, attempts, deliver, make_due, make_endpoint, tell
from tests.receiver import Answer, receiver
from wallets.models import Event
from wallets.services import News, deposit, emit_many
from wallets.services.events import erase_payloads

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("webhooks")]


@pytest.fixture
def customer() -> int:
    return make_buyer().customer_id


@pytest.fixture
def server():
    with receiver() as playing:
        yield playing


@pytest.fixture
def endpoint(customer, server) -> WebhookEndpoint:
    return make_endpoint(customer, server.url())


def waiting_for(endpoint) -> list[str]:
    return [row.event.kind for row in WebhookDelivery.objects.filter(endpoint=endpoint).order_by("id")]


# --- Whom it concerns -------------------------------------------------------------------------


def test_an_event_becomes_a_delivery_in_its_own_transaction(endpoint, customer):
    with transaction.atomic():
        tell(customer)
        assert waiting_for(endpoint) == ["wallet.deposited"]
        transaction.set_rollback(True)
    assert waiting_for(endpoint) == []


def test_every_event_of_a_batch_becomes_a_delivery(endpoint, customer):
    with transaction.atomic():
        emit_many(
            [News(customer_id=customer, kind="message.sent", object_id=n, payload={"id": n}) for n in range(2_500)],
            object_type="message",
        )
    assert WebhookDelivery.objects.filter(endpoint=endpoint).count() == 2_500


def test_events_that_commit_out_of_order_are_told_all_the_same(endpoint, customer):
    """The one with the lower id commits last, long after the dispatcher has looked."""
    wrote, looked = threading.Event(), threading.Event()

    def slowly() -> None:
        with transaction.atomic():
            tell(customer, object_id=1)
            wrote.set()
            looked.wait(20)
        connections.close_all()

    slow = threading.Thread(target=slowly)
    slow.start()
    wrote.wait(20)
    tell(customer, object_id=2)
    deliver()
    assert WebhookDelivery.objects.filter(status="succeeded").count() == 1
    looked.set()
    slow.join(20)
    deliver()
    assert WebhookDelivery.objects.filter(status="succeeded").count() == 2


def test_only_chosen_events_are_told(customer, server):
    chosen = make_endpoint(customer, server.url(), kinds=["wallet.refunded", "message.sent"])
    for kind in ("wallet.deposited", "wallet.refunded", "message.sent", "message.delivered"):
        tell(customer, kind)
    assert waiting_for(chosen) == ["wallet.refunded", "message.sent"]


def test_nobody_is_told_of_somebody_elses_events(endpoint, server):
    tell(make_buyer(name="Stranger").customer_id)
    assert waiting_for(endpoint) == []


def test_a_disabled_endpoint_is_told_nothing(endpoint, customer):
    webhooks.disable_endpoint(endpoint=endpoint)
    tell(customer)
    assert waiting_for(endpoint) == []


def test_what_happens_in_the_product_arrives(endpoint, server):
    deposit(wallet=endpoint.customer.wallets.get(), amount=Decimal(5), reference="deposit:5")
    deliver()
    (told,) = server.received
    assert json.loads(told.body)["type"] == "wallet.deposited"
    assert json.loads(told.body)["data"]["amount"] == 5


def test_a_message_is_told_by_ids_that_its_customer_knows(server, settings):
    settings.SANDBOX_DELAY_SECONDS = 0
    make_sms_world()
    buyer = make_buyer()
    for shape in ("standard", "smsgist"):
        make_endpoint(buyer.customer_id, server.url(), format=shape, kinds=["message.failed"])
    sending = create_sending(buyer=buyer, wanted=wish([REFUSED]))
    hand_over_and_report()
    deliver()

    native, gist = sorted((json.loads(told.body)["data"] for told in server.received), key=len)
    message = Message.objects.get(chunk__sending=sending)
    assert (native["id"], native["sending_id"], native["status"]) == (message.pk, sending.pk, "failed")
    assert (gist["message_id"], gist["recipient_id"]) == (str(sending.uuid), str(message.uuid))


# --- Delivered ------------------------------------------------------------------------------


def test_an_event_arrives_signed_and_is_logged(endpoint, server, customer):
    _, secret = webhooks.rotate_secret(endpoint=endpoint)
    event = tell(customer)
    deliver()

    (told,) = server.received
    assert Webhook(secret).verify(told.body, told.headers)["data"] == {"amount": 12.5}
    assert told.id == f"msg_{event.uuid.hex}"
    delivery = WebhookDelivery.objects.get()
    assert (delivery.status, delivery.attempts, delivery.next_attempt_at) == ("succeeded", 1, None)
    (logged,) = attempts()
    assert (logged.status_code, logged.error, logged.answer) == (200, "", "ok")
    assert logged.duration_ms is not None


def test_a_receiver_that_fails_four_times_and_then_answers_gets_five_attempts_with_one_id(endpoint, server, customer):
    server.answers = [Answer(500, b"no"), Answer(503, b"no"), Answer(404, b"no"), Answer(301, b"no"), Answer(204, b"")]
    tell(customer)
    for _ in range(5):
        deliver()
        make_due()
    deliver()

    assert len(server.received) == 5
    assert len(set(server.ids)) == 1
    assert len({one.body for one in server.received}) == 1
    assert [row.status_code for row in attempts()] == [500, 503, 404, 301, 204]
    assert WebhookDelivery.objects.get().status == "succeeded"


def test_nothing_is_tried_again_before_its_time(endpoint, server, customer):
    server.answers = [Answer(500)]
    tell(customer)
    deliver()
    deliver()
    assert len(server.received) == 1
    assert 3 < (WebhookDelivery.objects.get().next_attempt_at - timezone.now()).total_seconds() < 6


def test_after_ten_attempts_in_vain_it_has_failed(endpoint, server, customer):
    server.answers = [Answer(500)]
    tell(customer)
    for _ in range(12):
        deliver()
        make_due()
    delivery = WebhookDelivery.objects.get()
    assert (delivery.status, delivery.attempts, len(server.received)) == ("failed", 10, 10)


def test_retry_after_is_honoured(endpoint, server, customer):
    server.answers = [Answer(429, headers={"Retry-After": "3000"})]
    tell(customer)
    deliver()
    assert (WebhookDelivery.objects.get().next_attempt_at - timezone.now()).total_seconds() > 2_900


def test_one_that_does_not_answer_in_time_is_cut_off(endpoint, server, customer, settings):
    settings.WEBHOOK_DEADLINE_SECONDS = 0.3
    let_go = threading.Event()
    server.answers = [Answer(before=lambda: let_go.wait(20))]
    tell(customer)
    deliver()
    let_go.set()
    (logged,) = attempts()
    assert (logged.error, logged.status_code) == ("timeout", None)
    assert logged.duration_ms < 3_000


def test_one_that_answers_without_end_is_cut_off_after_64_kib_and_one_is_kept(endpoint, server, customer):
    server.answers = [Answer(200, b"x" * 10_000_000)]
    tell(customer)
    deliver()
    (logged,) = attempts()
    assert logged.answer == "x" * 1024
    assert WebhookDelivery.objects.get().status == "succeeded"


@pytest.mark.parametrize("said", [b"\xff\xfe\x00\x80", "Ä\x00".encode()])
def test_an_answer_of_any_bytes_is_kept_as_text(endpoint, server, customer, said):
    server.answers = [Answer(200, said)]
    tell(customer)
    deliver()
    assert "\x00" not in attempts()[0].answer
    assert WebhookDelivery.objects.get().status == "succeeded"


def test_nobody_there_is_a_failure_like_any_other(customer):
    make_endpoint(customer, "http://127.0.0.1:9/")
    tell(customer)
    deliver()
    assert attempts()[0].error == "connection_refused"
    assert WebhookDelivery.objects.get().status == "pending"


def test_smsgig_is_told_of_codes_alone_with_its_own_signature(customer, server):
    make_endpoint(customer, server.url(), format="smsgig")
    tell(customer, "activation.code_received", CODE)
    tell(customer, "activation.expired")
    deliver()
    (told,) = server.received
    assert json.loads(told.body)["message_id"] == "msg_10561661_a1b2c3d4"
    assert len(told.headers["x-smsgig-signature"]) == 64


# --- Crashes, and two at once ---------------------------------------------------------------


def test_what_a_killed_process_had_in_hand_is_sent_again_under_the_same_id(endpoint, server, customer):
    event = tell(customer)
    assert len(claiming.claim(most=10, busy={})) == 1  # and nothing of ours runs after it
    deliver()
    assert server.received == []
    with connection.cursor() as cursor:
        cursor.execute("UPDATE notifications_webhookdelivery SET next_attempt_at = now()")
    deliver()
    assert server.ids == [f"msg_{event.uuid.hex}"]
    assert [(row.number, row.status_code) for row in attempts()] == [(1, None), (2, 200)]


def test_two_processes_take_different_deliveries(endpoint, customer):
    for number in range(20):
        tell(customer, object_id=number)
    with transaction.atomic():
        mine = {each.delivery_id for each in claiming.claim(most=10, busy={})}
        theirs = elsewhere(lambda: {each.delivery_id for each in claiming.claim(most=100, busy={})})
    assert (len(mine), len(theirs), mine & theirs) == (10, 10, set())


def test_a_late_failure_of_a_lost_lease_does_not_touch_the_next_attempt(endpoint, server, customer):
    tell(customer)
    (first,) = claiming.claim(most=1, busy={})
    make_due()
    deliver()
    facts = (first.attempt_id, first.delivery_id, first.endpoint_id, first.number, first.tries)
    record([Outcome(*facts, duration_ms=9_000, error="timeout")])
    assert WebhookDelivery.objects.get().status == "succeeded"
    assert [row.error for row in attempts()] == ["timeout", ""]


def test_writing_the_same_outcome_twice_changes_nothing(endpoint, server, customer):
    tell(customer)
    (first,) = claiming.claim(most=1, busy={})
    outcome = Outcome(
        first.attempt_id, first.delivery_id, first.endpoint_id, first.number, first.tries, 5, status_code=500
    )
    record([outcome])
    once = WebhookDelivery.objects.values().get()
    time_of_next = once["next_attempt_at"]
    record([outcome])
    again = WebhookDelivery.objects.values().get()
    assert (again["attempts"], again["status"]) == (1, "pending")
    assert abs((again["next_attempt_at"] - time_of_next).total_seconds()) < 5


def test_an_outcome_that_cannot_be_written_harms_no_other(endpoint, customer):
    for number in range(3):
        tell(customer, object_id=number)
    taken = claiming.claim(most=3, busy={})
    outcomes = [
        Outcome(each.attempt_id, each.delivery_id, each.endpoint_id, each.number, each.tries, 5, status_code=status)
        for each, status in zip(taken, (200, 10**12, 200), strict=True)
    ]
    write_down(outcomes)
    assert sorted(WebhookDelivery.objects.values_list("status", flat=True)) == ["pending", "succeeded", "succeeded"]


# --- Fair ----------------------------------------------------------------------------------


def test_one_customer_with_many_events_leaves_the_next_claim_to_others(customer, server):
    busy = make_endpoint(customer, server.url())
    quiet = make_endpoint(make_buyer(name="Quiet").customer_id, server.url())
    for number in range(100):
        tell(customer, object_id=number)
    tell(quiet.customer_id)

    claimed = claiming.claim(most=1_000, busy={})

    by_endpoint = [each.endpoint_id for each in claimed]
    assert (by_endpoint.count(busy.pk), by_endpoint.count(quiet.pk)) == (claiming.AT_ONCE, 1)


def test_an_endpoint_with_calls_in_flight_is_given_only_the_room_that_is_left(endpoint, customer):
    for number in range(100):
        tell(customer, object_id=number)
    assert len(claiming.claim(most=1_000, busy={endpoint.pk: claiming.AT_ONCE - 3})) == 3
    assert claiming.claim(most=1_000, busy={endpoint.pk: claiming.AT_ONCE}) == []


def test_where_room_is_short_the_least_busy_and_the_working_come_first(customer, server):
    ids = []
    for name in ("failing", "busy", "idle"):
        buyer = make_buyer(name=name)
        ids.append(make_endpoint(buyer.customer_id, server.url()).pk)
        tell(buyer.customer_id)
    failing, busy, idle = ids
    WebhookEndpoint.objects.filter(pk=failing).update(failing_since=timezone.now())
    assert [each.endpoint_id for each in claiming.claim(most=1, busy={busy: 5})] == [idle]
    assert [each.endpoint_id for each in claiming.claim(most=1, busy={busy: 5})] == [busy]
    assert [each.endpoint_id for each in claiming.claim(most=1, busy={busy: 5})] == [failing]


def test_a_hanging_receiver_does_not_hold_up_the_others(customer, server, endpoint):
    """By order, not by clock: it lets go only once everybody else has been told."""
    others = [make_buyer(name=f"Other {number}").customer_id for number in range(3)]
    for other in others:
        make_endpoint(other, server.url(f"/{other}"))
    all_told = threading.Event()
    waited: list[bool] = []
    with receiver() as hanging:
        hanging.answers = [Answer(before=lambda: waited.append(all_told.wait(4.5)))]
        webhooks.change_endpoint(endpoint=endpoint, url=hanging.url())
        for number in range(40):
            tell(customer, object_id=number)
        for number in range(60):
            tell(others[number % 3], object_id=100 + number)
        server.answers = [Answer(before=lambda: all_told.set() if len(server.received) >= 60 else None)]
        deliver()
    assert len(set(server.ids)) == 60
    assert waited
    assert all(waited), "it hung until all others were told"


# --- Given up, and the content that may not be kept --------------------------------------------


def test_410_disables_the_endpoint_and_tells_the_customer_once(endpoint, server, customer, mailoutbox):
    endpoint.customer.email = "owner@acme.example"
    endpoint.customer.save()
    server.answers = [Answer(410)]
    tell(customer)
    deliver()
    endpoint.refresh_from_db()
    assert (endpoint.is_enabled, endpoint.disabled_reason) == (False, "gone")

    assert webhooks.tell_of_disabled() == 1
    assert webhooks.tell_of_disabled() == 0
    (letter,) = mailoutbox
    assert letter.to == ["owner@acme.example"]
    assert "410" in letter.body


def test_five_days_of_nothing_but_failure_disable_it(endpoint, server, customer):
    server.answers = [Answer(500)]
    tell(customer)
    deliver()
    assert_after(timedelta(days=4, hours=23), endpoint, enabled=True)
    assert_after(timedelta(days=5, minutes=1), endpoint, enabled=False)


def assert_after(passed: timedelta, endpoint: WebhookEndpoint, *, enabled: bool) -> None:
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(failing_since=timezone.now() - passed)
    make_due()
    deliver()
    endpoint.refresh_from_db()
    assert endpoint.is_enabled is enabled


def test_one_arrival_ends_the_count_of_failures(endpoint, server, customer):
    server.answers = [Answer(500), Answer(200)]
    tell(customer)
    deliver()
    endpoint.refresh_from_db()
    assert endpoint.failing_since is not None
    make_due()
    deliver()
    endpoint.refresh_from_db()
    assert endpoint.failing_since is None


def test_what_waits_for_a_disabled_endpoint_goes_on_when_it_is_enabled(endpoint, server, customer):
    tell(customer)
    webhooks.disable_endpoint(endpoint=endpoint)
    deliver()
    assert server.received == []
    webhooks.enable_endpoint(endpoint=endpoint)
    deliver()
    assert len(server.received) == 1


def test_content_that_was_erased_is_discarded_and_not_sent_empty(endpoint, server, customer):
    tell(customer, "activation.code_received", CODE, erase_after=timezone.now() - timedelta(seconds=1))
    erase_payloads()
    deliver()
    assert server.received == []
    assert WebhookDelivery.objects.get().status == "discarded"


def test_what_a_receiver_answered_is_erased_with_the_events_content(endpoint, server, customer):
    server.answers = [Answer(200, b"you said 123456")]
    tell(customer, "activation.code_received", CODE, erase_after=timezone.now() + timedelta(days=1))
    deliver()
    webhooks.tidy()
    assert attempts()[0].answer == "you said 123456"
    WebhookDelivery.objects.update(erase_after=timezone.now())
    webhooks.tidy()
    assert attempts()[0].answer == ""


def test_the_log_is_kept_thirty_days(endpoint, server, customer):
    tell(customer)
    deliver()
    webhooks.tidy()
    assert WebhookAttempt.objects.count() == 1
    WebhookDelivery.objects.update(created_at=timezone.now() - timedelta(days=31))
    webhooks.tidy()
    assert (WebhookAttempt.objects.count(), WebhookDelivery.objects.count(), Event.objects.count()) == (0, 0, 2)


def test_what_waits_for_a_deleted_endpoint_is_discarded(endpoint, server, customer):
    tell(customer)
    webhooks.delete_endpoint(endpoint=endpoint)
    webhooks.tidy()
    deliver()
    assert WebhookDelivery.objects.get().status == "discarded"
    assert server.received == []


def test_no_secret_is_stored_in_the_clear(endpoint):
    _, secret = webhooks.rotate_secret(endpoint=endpoint)
    gig = make_endpoint(endpoint.customer_id, endpoint.url, format="smsgig")
    stored = str(WebhookEndpoint.objects.values().get(pk=endpoint.pk)) + str(
        WebhookEndpoint.objects.values().get(pk=gig.pk)
    )
    assert secret not in stored
    assert API_KEY not in stored


def elsewhere(work):
    """What `work` returns on a connection of its own."""
    found = []

    def run() -> None:
        found.append(work())
        connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(20)
    return found[0]
