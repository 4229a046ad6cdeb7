"""Low balances: each level tells once for each time the wallet falls below it, and again after it has been back."""

import threading
from decimal import Decimal

import pytest
from django.core import mail
from django.utils import timezone

from config.errors import InvalidInput
from wallets.models import AlertLevel, Event, LowBalanceAlert, Wallet
from wallets.services import (
    alert_mails,
    alerts,
    deposit,
    place_hold,
    release,
    set_alert_levels,
    set_credit_limit,
)
from wallets.services.customers import set_customer_status
from wallets.tasks import look_for_low_balances, mail_low_balances
from wallets.tests.factories import make_wallet, reference, spend
from wallets.tests.racing import together

pytestmark = pytest.mark.django_db


@pytest.fixture
def wallet():
    wallet = make_wallet("100")
    wallet.customer.email = "ann@example.com"
    wallet.customer.save()
    return wallet


def levels(wallet, *amounts):
    return set_alert_levels(wallet=wallet, levels=[Decimal(amount) for amount in amounts])


def told():
    """The levels told so far, in order."""
    look_for_low_balances()
    events = Event.objects.filter(kind="wallet.low_balance").order_by("pk")
    assert events.count() == LowBalanceAlert.objects.count()
    return [event.payload["level"] for event in events]


def fill(wallet, amount):
    deposit(wallet=wallet, amount=Decimal(amount), reference=reference("deposit"))


# --- When it is told -------------------------------------------------------------------------------------


def test_a_level_tells_once_when_the_balance_falls_below_it(wallet):
    levels(wallet, "50", "20")
    assert told() == []
    spend(wallet, "50")
    assert told() == []  # at the level is not below it
    spend(wallet, "0.01")
    assert [told(), told()] == [["50"], ["50"]]
    spend(wallet, "40")
    assert told() == ["50", "20"]


def test_the_event_says_what_can_be_spent(wallet):
    levels(wallet, "50")
    place_hold(wallet=wallet, amount=Decimal("50.5"), reference="h")
    told()
    event = Event.objects.get(kind="wallet.low_balance")
    facts = {name: event.payload[name] for name in ("level", "available", "balance", "currency")}
    assert facts == {"level": "50", "available": "49.5", "balance": "100", "currency": "USD"}
    assert (event.object_type, event.object_id) == ("wallet", wallet.pk)


def test_it_tells_again_only_after_it_has_been_back(wallet):
    levels(wallet, "50")
    spend(wallet, "60")
    told()
    fill(wallet, "5")
    spend(wallet, "1")
    assert told() == ["50"]
    fill(wallet, "10")
    spend(wallet, "10")  # back, and below once more, before anybody looked
    assert told() == ["50", "50"]


def test_a_released_hold_arms_it_again(wallet):
    levels(wallet, "50")
    hold = place_hold(wallet=wallet, amount=Decimal(60), reference="h")
    told()
    release(hold=hold)
    told()
    spend(wallet, "60")
    assert told() == ["50", "50"]


def test_credit_counts_as_money_to_spend(wallet):
    levels(wallet, "50")
    set_credit_limit(wallet=wallet, credit_limit=Decimal(100))
    spend(wallet, "100")
    assert told() == []


def test_a_new_level_that_is_above_the_balance_waits_for_the_next_fall(wallet):
    levels(wallet, "200")
    assert told() == []
    fill(wallet, "100")
    spend(wallet, "1")
    assert told() == ["200"]


def test_levels_that_stay_keep_their_state(wallet):
    levels(wallet, "50")
    spend(wallet, "60")
    told()
    levels(wallet, "50", "45")
    assert told() == ["50"]
    levels(wallet)
    assert (told(), AlertLevel.objects.count()) == (["50"], 0)


@pytest.mark.parametrize("wrong", [["-1"], ["0.0000001"], ["NaN"], [str(n) for n in range(11)]])
def test_a_wrong_level_changes_nothing(wallet, wrong):
    levels(wallet, "50")
    with pytest.raises(InvalidInput):
        levels(wallet, *wrong)
    assert AlertLevel.objects.get().amount == 50


def test_levels_are_told_highest_first_and_once_each(wallet):
    assert [level.amount for level in levels(wallet, "20", "50.0", "50", "0")] == [50, 20, 0]


# --- E-mail ---------------------------------------------------------------------------------------------------


def test_the_customer_is_mailed_once(wallet):
    levels(wallet, "50")
    spend(wallet, "60")
    told()
    assert [mail_low_balances(), mail_low_balances()] == [1, 0]
    (sent,) = mail.outbox
    assert (sent.to, sent.subject) == (["ann@example.com"], "Your USD balance is below 50")
    assert "40 USD can still be spent" in sent.body
    alert = LowBalanceAlert.objects.get()
    assert (alert.mailed_at is not None, alert.mailed_to) == (True, "ann@example.com")


def test_without_an_address_the_event_alone_tells(wallet):
    wallet.customer.email = ""
    wallet.customer.save()
    levels(wallet, "50")
    spend(wallet, "60")
    assert (told(), mail_low_balances(), mail.outbox) == (["50"], 0, [])


def test_a_mail_that_fails_is_tried_again_later_and_given_up_in_the_end(wallet, monkeypatch):
    levels(wallet, "50")
    spend(wallet, "60")
    told()
    monkeypatch.setattr(alert_mails.EmailMessage, "send", lambda mail: 1 / 0)
    tries = 0
    while LowBalanceAlert.objects.filter(due_at__isnull=False).exists():
        assert mail_low_balances() == 0
        assert LowBalanceAlert.objects.filter(due_at__lte=timezone.now()).count() == 0
        tries += 1
        LowBalanceAlert.objects.filter(due_at__isnull=False).update(due_at=timezone.now())
    assert tries == 1 + len(alert_mails.RETRY)


def test_a_crash_after_sending_sends_the_same_mail_again(wallet, monkeypatch):
    levels(wallet, "50")
    spend(wallet, "60")
    told()
    send = alert_mails.EmailMessage.send

    def send_and_die(message):
        send(message)
        raise KeyboardInterrupt  # what a kill -9 does to the rest

    with monkeypatch.context() as patch:
        patch.setattr(alert_mails.EmailMessage, "send", send_and_die)
        with pytest.raises(KeyboardInterrupt):
            mail_low_balances()
    LowBalanceAlert.objects.update(due_at=timezone.now())
    assert mail_low_balances() == 1
    assert len({message.message()["Message-ID"] for message in mail.outbox}) == 1


# --- Who is told no more -----------------------------------------------------------------------------------


def test_a_customer_who_has_left_is_not_told(wallet):
    levels(wallet, "50")
    spend(wallet, "60")
    set_customer_status(customer=wallet.customer, status="closed")
    assert told() == []


# --- Two at once -------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_two_ticks_at_once_tell_once():
    wallets = [make_wallet("100") for _ in range(5)]
    for each in wallets:
        levels(each, "50", "20")
        spend(each, "90")
    together(look_for_low_balances, look_for_low_balances, look_for_low_balances)
    assert (LowBalanceAlert.objects.count(), len(told())) == (10, 10)


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_they_tell_twice(monkeypatch):
    """The control."""
    wallet = make_wallet("100")
    levels(wallet, "50")
    spend(wallet, "90")
    monkeypatch.setattr(alerts, "_lock", lambda pk: Wallet.objects.select_related("customer").get(pk=pk))
    monkeypatch.setattr(alerts, "emit", lambda **event: None)
    ready = threading.Barrier(2)

    def tell_together(wallet, level, now):
        ready.wait(20)
        LowBalanceAlert.objects.create(wallet=wallet, level=level, available=wallet.available)

    monkeypatch.setattr(alerts, "_tell", tell_together)
    monkeypatch.setattr(AlertLevel, "save", lambda level, **options: None)
    together(look_for_low_balances, look_for_low_balances)
    assert LowBalanceAlert.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_two_mailers_at_once_send_each_mail_once(mailoutbox):
    for number in range(4):
        wallet = make_wallet("100")
        wallet.customer.email = f"ann{number}@example.com"
        wallet.customer.save()
        levels(wallet, "50")
        spend(wallet, "90")
    look_for_low_balances()
    together(mail_low_balances, mail_low_balances)
    assert sorted(message.to[0] for message in mail.outbox) == [f"ann{number}@example.com" for number in range(4)]
