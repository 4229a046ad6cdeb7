"""Past low-balance alerts in the back office: when, which level, who was mailed, and what webhooks were told."""

from decimal import Decimal

import pytest
from django.urls import reverse

from wallets.models import Event, LowBalanceAlert
from wallets.services import alert_mails, set_alert_levels
from wallets.tasks import look_for_low_balances, mail_low_balances
from wallets.tests.factories import make_wallet, spend
from wallets.tests.test_admin_dialogs import staff_client

pytestmark = pytest.mark.django_db
LIST = reverse("admin:wallets_lowbalancealert_changelist")


@pytest.fixture
def alert() -> LowBalanceAlert:
    wallet = make_wallet("100")
    wallet.customer.email = "ann@acme.example"
    wallet.customer.save()
    set_alert_levels(wallet=wallet, levels=[Decimal(50)])
    spend(wallet, "60")
    look_for_low_balances()
    return LowBalanceAlert.objects.get()


@pytest.fixture
def boss():
    return staff_client(superuser=True)


def page(alert) -> str:
    return reverse("admin:wallets_lowbalancealert_change", args=[alert.pk])


def test_the_list_says_when_which_level_and_who_was_mailed(boss, alert):
    assert "Waiting" in boss.get(LIST).text
    mail_low_balances()
    shown = boss.get(LIST).text
    for told in ("50.00", "40.00", "to ann@acme.example"):
        assert told in shown


def test_a_mail_that_failed_is_seen_and_one_that_was_given_up(boss, alert, monkeypatch):
    monkeypatch.setattr(alert_mails.EmailMessage, "send", lambda mail: 1 / 0)
    mail_low_balances()
    assert "Failed, is tried again" in boss.get(LIST).text
    LowBalanceAlert.objects.update(due_at=None)
    assert "Given up" in boss.get(LIST).text


def test_its_page_leads_to_the_event_and_to_what_webhooks_were_told(boss, alert):
    event = Event.objects.get(kind="wallet.low_balance")
    shown = boss.get(page(alert)).text
    assert reverse("admin:wallets_event_change", args=[event.pk]) in shown
    assert f"?q=msg_{event.uuid.hex}" in shown


def test_it_is_found_by_customer_and_not_by_another(boss, alert):
    assert "50.00" in boss.get(LIST, {"q": alert.wallet.customer.name}).text
    assert "50.00" not in boss.get(LIST, {"q": "Nobody"}).text


def test_without_the_right_nobody_looks(alert):
    assert staff_client("view_wallet").get(LIST).status_code == 403
