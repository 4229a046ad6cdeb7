"""A sending is taken back chunk by chunk: whatever happens half way, it ends canceled and nobody is charged."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from notifications import services
from notifications.models import Message, Sending
from notifications.providers import ProviderError
from notifications.services import answers, dispatching
from notifications.services.sendings import canceling
from notifications.tests.factories import balance, differences, make_buyer, together
from notifications.tests.sending_factories import (
    hand_over_and_report,
    let_time_pass,
    make_sms_world,
    numbers,
    settle,
    wish,
)
from wallets.models import Event, Wallet
from wallets.services import Buyer

pytestmark = pytest.mark.django_db
FUNDS = Decimal(100)
ACTOR = "key:sgk_ab12"


@pytest.fixture
def buyer(db, settings, monkeypatch) -> Buyer:
    settings.SANDBOX_DELAY_SECONDS = 0
    monkeypatch.setattr("notifications.services.sendings.recipients.CHUNK", 3)
    make_sms_world()
    return make_buyer(funds=FUNDS)


def send(buyer, count=10, **facts) -> Sending:
    return services.create_sending(buyer=buyer, wanted=wish(numbers(count), **facts))


def cancel(sending) -> Sending:
    return services.cancel_sending(sending=sending, actor=ACTOR)


def states() -> list[str]:
    return sorted(Message.objects.values_list("state", flat=True))


def prove_all_came_back(buyer, sending) -> None:
    sending.refresh_from_db()
    assert (sending.status, sending.canceling_since) == ("canceled", None)
    assert set(Message.objects.values_list("state", "billing")) == {("canceled", "released")}
    assert (Wallet.objects.get(pk=buyer.wallet_id).held, balance(buyer)) == (0, FUNDS)
    assert Event.objects.filter(kind="message.failed").count() == Message.objects.count()
    assert differences() == []


@pytest.mark.parametrize("where", ["_cancel_chunk", "settle_chunk"])
def test_what_a_crash_leaves_is_not_handed_over_and_is_canceled_by_the_next_tick(buyer, monkeypatch, where):
    sending, calls = send(buyer), []
    real = getattr(canceling, where)

    def die_at_the_third(chunk_id):
        calls.append(chunk_id)
        if len(calls) == 3:
            raise SystemExit
        return real(chunk_id)

    with monkeypatch.context() as patch:
        patch.setattr(canceling, where, die_at_the_third)
        with pytest.raises(SystemExit):
            cancel(sending)
    assert "accepted" in states()

    assert services.dispatch_due() == 0
    services.finish_canceling()
    settle()

    assert services.finish_canceling() == 0
    prove_all_came_back(buyer, sending)


def test_a_request_ends_in_time_and_a_tick_does_the_rest(buyer, monkeypatch):
    monkeypatch.setattr(canceling, "REQUEST_SECONDS", -1)
    sending = cancel(send(buyer))
    assert sending.canceling_since is not None
    assert services.dispatch_due() == 0

    services.finish_canceling()

    prove_all_came_back(buyer, sending)


@pytest.mark.parametrize("answer", [ProviderError("429", permanent=False), None], ids=["not now", "unknown"])
def test_what_a_call_did_not_take_is_canceled_too_and_never_sent_later(buyer, answer):
    sending = send(buyer)
    (called,) = dispatching.start_calling([Message.objects.first().pk])
    cancel(sending)

    answers.apply_answers({called.pk: answer})
    services.finish_canceling()
    if answer is None:
        let_time_pass(sending, minutes=5)
        services.settle_due()  # the provider knows nothing of it
    let_time_pass(sending, minutes=1)
    assert services.dispatch_due() == 0
    services.finish_canceling()
    settle()

    prove_all_came_back(buyer, sending)


def test_one_that_cannot_be_canceled_does_not_stop_the_others(buyer, monkeypatch):
    monkeypatch.setattr(canceling, "REQUEST_SECONDS", -1)
    bad, good = cancel(send(buyer)), cancel(send(buyer))
    go_on = canceling._go_on
    monkeypatch.setattr(canceling, "_go_on", lambda each, stop: 1 / 0 if each == bad else go_on(each, stop=stop))

    services.finish_canceling()

    assert list(Sending.objects.being_canceled()) == [bad]
    good.refresh_from_db()
    assert good.status == "canceled"


def test_of_another_sending_all_goes_out(buyer, monkeypatch):
    monkeypatch.setattr(canceling, "REQUEST_SECONDS", -1)
    cancel(send(buyer))
    send(buyer, 4)

    assert services.dispatch_due() == 4


def test_what_was_handed_over_before_stays_out(buyer):
    sending = send(buyer)
    for message in Message.objects.order_by("id")[:4]:
        dispatching.hand_over(message)

    cancel(sending)
    hand_over_and_report()

    assert states() == ["canceled"] * 6 + ["delivered"] * 4
    sending.refresh_from_db()
    assert sending.status == "completed"
    assert differences() == []


@pytest.mark.django_db(transaction=True)
def test_two_at_once_cancel_each_message_once(buyer):
    sending = send(buyer, 40, scheduled_at=timezone.now() + timedelta(hours=1))

    together(lambda: cancel(sending), services.finish_canceling, lambda: cancel(sending), services.settle_chunks)
    settle()

    prove_all_came_back(buyer, sending)
