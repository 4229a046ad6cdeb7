"""The pretend carrier: every magic recipient through the very reports a carrier sends."""

import time
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from notifications import services, tasks
from notifications.demo import ensure_approved_template, ensure_draft_template, ensure_notification_world
from notifications.models import DeliveryReport, Message, MessageTemplate, SandboxMessage, Sender
from notifications.tests.factories import (
    FUNDS,
    balance,
    customer_of,
    differences,
    let_pass,
    make_prices,
    make_sender,
    make_template,
    wish,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def send(buyer, settings):
    settings.SANDBOX_DELAY_SECONDS = 0
    make_prices()
    make_sender(provider="sandbox")
    template = make_template(buyer.customer_id)
    return lambda to: services.send(buyer=buyer, wanted=wish(template, to=to))


def let_reports_come(seconds: float = 0) -> None:
    moved = timezone.now() - timedelta(seconds=seconds)
    SandboxMessage.objects.filter(next_report_at__isnull=False).update(next_report_at=moved)
    for _ in range(8):
        tasks.deliver_sandbox_reports()


@pytest.mark.parametrize(
    ("to", "state", "billing"),
    [
        ("+2348012345678", "delivered", "charged"),
        ("+2348012340001", "failed", "refunded"),
        ("+2348012340002", "undelivered", "refunded"),
        ("+2348012340003", "sent", "charged"),
        ("+2348012340005", "delivered", "charged"),
        ("+2348012340007", "rejected", "refunded"),
    ],
)
def test_the_last_four_digits_choose_the_outcome(buyer, send, to, state, billing):
    message = send(to)
    let_reports_come()

    message.refresh_from_db()
    assert (message.state, message.billing) == (state, billing)
    assert (balance(buyer) == FUNDS) == (billing == "refunded")
    assert not message.is_contradicted
    assert differences() == []


def test_an_ordinary_message_is_queued_then_sent_then_delivered(send, settings):
    settings.SANDBOX_DELAY_SECONDS = 3
    message = send("+2348012345678")
    remembered = SandboxMessage.objects.get()

    assert (message.state, message.provider_message_id) == ("queued", remembered.sid)
    assert [(status, seconds < 3) for seconds, status, _ in remembered.plan] == [("sent", True), ("delivered", True)]
    assert tasks.deliver_sandbox_reports() == 0


def test_a_slow_one_is_delivered_after_thirty_seconds(send):
    message = send("+2348012340004")
    tasks.deliver_sandbox_reports()

    remembered = SandboxMessage.objects.get()
    message.refresh_from_db()
    assert message.state == "sent"
    assert remembered.next_report_at - remembered.accepted_at == timedelta(seconds=30)


def test_one_that_hangs_turns_out_to_have_been_taken(buyer, send):
    message = send("+2348012340006")
    assert (message.dispatch, message.provider_message_id) == ("unknown", None)

    let_pass(message, seconds=10)
    tasks.settle_due_messages()
    let_reports_come()

    message.refresh_from_db()
    assert (message.state, SandboxMessage.objects.count()) == ("delivered", 1)
    assert differences() == []


def test_one_that_hangs_keeps_its_caller_waiting_as_such_providers_do(send, settings):
    settings.SANDBOX_DELAY_SECONDS = 0.4
    started = time.monotonic()
    assert send("+2348012340006").dispatch == "unknown"
    assert time.monotonic() - started >= 0.4
    remembered = SandboxMessage.objects.get()
    assert remembered.next_report_at - remembered.accepted_at > timedelta(seconds=0.4)  # no news before the 202


def test_reports_out_of_order_are_all_kept(send):
    message = send("+2348012340005")
    let_reports_come()

    kept = dict(DeliveryReport.objects.filter(message=message).values_list("status", "times"))
    assert kept == {"sent": 3, "delivered": 2, "queued": 1}


def test_a_report_repeated_after_a_crash_is_harmless(send):
    message = send("+2348012345678")
    let_reports_come()
    SandboxMessage.objects.update(reported=0, next_report_at=timezone.now())
    let_reports_come()

    message.refresh_from_db()
    assert message.state == "delivered"
    assert differences() == []


def test_its_pretend_cost_is_booked_too(send):
    message = send("+2348012345678")
    let_reports_come()
    let_pass(message, minutes=5)
    tasks.settle_due_messages()

    message.refresh_from_db()
    assert message.cost
    assert differences() == []


def test_the_demo_world_holds_its_templates_and_house_senders(buyer):
    customer = customer_of(buyer)
    for _ in range(2):
        ensure_notification_world()
        ids = ensure_approved_template(customer), ensure_draft_template(customer)

    approved, draft = (MessageTemplate.objects.get(pk=pk) for pk in ids)
    assert (approved.shown.status, draft.shown.status) == ("approved", "draft")
    assert MessageTemplate.objects.count() == 2
    house = {"+12025550100", "INFO", "info@example.com"}
    assert set(Sender.objects.values_list("address", "customer")) == {(address, None) for address in house}


def test_every_tick_runs_on_an_empty_house(db):
    assert tasks.dispatch_messages() == tasks.settle_due_messages() == tasks.ask_about_templates() == 0
    assert tasks.erase_old_texts() == tasks.deliver_sandbox_reports() == 0
    call_command("audit_ledger")
    assert not Message.objects.exists()
