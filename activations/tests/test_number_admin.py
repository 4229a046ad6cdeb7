"""The back office's pages of monthly numbers: their stories, and what staff can do."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.admin.models import LogEntry
from django.utils import timezone

from activations.models import InboundMessage, Subscription
from activations.providers import OutcomeUnknown
from activations.services import receive_text, subscriptions
from activations.services.subscriptions.months import months_after
from activations.tests.factories import differences, make_buyer, purse
from activations.tests.number_factories import PRICE, charges, make_plan, set_plan_price, subscribe
from activations.tests.test_admin_pages import address, boss, client_with, list_url, page_url, send, shown
from catalog.models import MonthlyNumberPlan, Price
from catalog.tests.factories import make_country
from wallets.models import Customer, Transaction, Wallet
from wallets.services import deposit

__all__ = ["boss"]
pytestmark = pytest.mark.django_db
Status = Subscription.Status


@pytest.fixture
def plan(provider):
    return make_plan(cost=Decimal(2))


@pytest.fixture
def row(plan):
    return subscribe(make_buyer(Decimal(20)))


def in_grace(plan) -> Subscription:
    """Its month is over, and the wallet is empty."""
    end = timezone.now() - timedelta(hours=1)
    row = subscribe(make_buyer(PRICE), started=months_after(end, -1, end.day))
    Subscription.objects.filter(pk=row.pk).update(anchor_day=end.day, expires_at=end, due_at=end)
    subscriptions.renew_due()
    return Subscription.objects.get(pk=row.pk)


def titles(client, row) -> list[str]:
    return [step.title for step in client.get(page_url(row)).context["story"]]


def test_the_story_of_a_renewed_number_is_told_with_its_money(boss, row):
    receive_text(provider="fake", provider_message_id="1", to=row.phone, text="<script>hello", sender="Bank")
    page = boss.get(page_url(row))
    assert titles(boss, row) == [
        "Requested", "Charged 6.00 USD", "Activated", "SMS from Bank", "Next look",
    ]  # fmt: skip
    assert "<script>hello" not in page.content.decode()
    account = page.context["account"]
    assert (account.taken, account.cost) == (PRICE, "2.00 USD in 1 periods")


def test_the_story_of_grace_says_why_and_until_when(boss, plan):
    row = in_grace(plan)
    told = next(step for step in boss.get(page_url(row)).context["story"] if step.title == "Grace")
    assert told.detail.startswith("reason insufficient_balance, grace_until 20")


def test_a_purchase_that_came_to_nothing_shows_its_refund(boss, plan, provider, buyer):
    provider.after["order"] = OutcomeUnknown("silence")
    lost = subscriptions.purchase(buyer=buyer, country="US")
    provider.given.clear()
    assert address(lost, "ask_provider") in boss.get(page_url(lost)).content.decode()
    send(boss, lost, "ask_provider", reason="A day is enough")
    assert Subscription.objects.get().status == Status.FAILED
    assert "Refunded 6.00 USD" in titles(boss, lost)
    assert "A day is enough" in LogEntry.objects.get().get_change_message()


def test_staff_renew_what_is_in_grace_once_there_is_money(boss, plan):
    row = in_grace(plan)
    assert boss.get(address(row, "renew_now")).status_code == 200
    send(boss, row, "renew_now", reason="Too early")
    assert Subscription.objects.get().status == Status.GRACE
    deposit(wallet=Wallet.objects.get(pk=row.wallet_id), amount=Decimal(20), reference="bank:1")
    for _ in range(2):
        send(boss, row, "renew_now", reason="Paid by bank")
    assert Subscription.objects.get().status == Status.ACTIVE
    assert [kind for kind, _ in charges(row)] == ["number_purchase", "number_renewal"]
    assert Transaction.objects.get(kind="number_renewal").actor.startswith("staff:")
    assert LogEntry.objects.count() == 2
    assert differences() == []


def test_what_is_not_due_cannot_be_renewed(boss, row):
    assert address(row, "renew_now") not in boss.get(page_url(row)).content.decode()
    assert "nothing to renew yet" in send(boss, row, "renew_now").content.decode()
    assert len(charges(row)) == 1


def test_staff_release_a_number_and_refund_nothing(boss, row, provider):
    buyer_money = Wallet.objects.get(pk=row.wallet_id).balance
    for _ in range(2):
        send(boss, row, "release_it", reason="Abuse")
    row.refresh_from_db()
    assert (row.status, Wallet.objects.get(pk=row.wallet_id).balance) == (Status.RELEASED, buyer_money)
    assert LogEntry.objects.count() == 1
    assert address(row, "ask_provider") in boss.get(page_url(row)).content.decode()
    send(boss, row, "ask_provider", reason="Give it back now")
    assert provider.returned == [row.provider_number_id]
    assert "Number given back" in titles(boss, row)


@pytest.mark.parametrize("action", ["renew_now", "ask_provider", "release_it"])
def test_a_reader_can_do_nothing(row, action):
    reader = client_with("view_subscription")
    assert reader.get(page_url(row)).status_code == 200
    assert send(reader, row, action).status_code == 403
    assert address(row, action) not in reader.get(page_url(row)).content.decode()


def test_whoever_has_no_right_sees_nothing(row):
    nobody = client_with()
    assert [nobody.get(list_url(Subscription)).status_code, nobody.get(page_url(row)).status_code] == [403, 403]


def test_subscriptions_are_read_only(boss, row):
    assert 'name="_save"' not in boss.get(page_url(row)).content.decode()
    assert boss.post(page_url(row), {"status": "released", "price": "0"}).status_code == 403


def test_it_is_found_by_number_uuid_phone_and_customer_and_filtered(boss, row, plan):
    other = subscribe(make_buyer(PRICE, name="Globex"), auto_renew=False)
    for term in (f"#{row.pk}", row.uuid, row.phone, row.phone[1:]):
        assert shown(boss, Subscription, q=term) == [row.pk], term
    assert shown(boss, Subscription, q="globex") == [other.pk]
    assert shown(boss, Subscription, auto_renew__exact="1") == [row.pk]
    assert shown(boss, Subscription, status="grace") == []
    assert shown(boss, Customer, q=row.phone) == [row.customer_id]


def test_a_message_leads_to_its_subscription_and_customer(boss, row):
    message = receive_text(provider="fake", provider_message_id="1", to=row.phone, text="hello")
    page = boss.get(page_url(message)).content.decode()
    assert page_url(row) in page
    assert boss.get(list_url(InboundMessage)).status_code == 200


def test_a_charge_in_the_ledger_leads_to_its_subscription(boss, row):
    charge = Transaction.objects.get(kind="number_purchase")
    assert page_url(row) in boss.get(page_url(charge)).content.decode()


# --- Plans ------------------------------------------------------------------------------------


def test_staff_sell_numbers_of_a_country_and_price_them(boss, db):
    made = boss.post(f"{list_url(MonthlyNumberPlan)}add/", {
        "country": make_country("GB").pk, "provider": "pool", "cost": "2", "cost_currency": "USD", "is_active": "on",
    })  # fmt: skip
    plan = MonthlyNumberPlan.objects.get()
    assert (made.status_code, plan.product.kind, str(plan.product)) == (302, "monthly_number", str(plan))
    boss.post(address(plan, "add_price"), {
        "_form_submitted": "on", "amount": "5", "currency": "USD", "note": "First price",
    })  # fmt: skip
    price = Price.objects.get()
    assert (price.product_id, price.amount, price.note) == (plan.pk, 5, "First price")
    assert "First price" in LogEntry.objects.latest("id").get_change_message()
    assert "First price" in boss.get(page_url(plan)).content.decode()


def test_a_plan_stays_what_it_is_and_is_never_deleted(boss, plan, row):
    boss.post(page_url(plan), {"provider": "pool", "cost": "3", "cost_currency": "USD"})
    plan.refresh_from_db()
    assert (plan.provider, plan.cost, plan.is_active) == ("fake", 3, False)
    assert boss.post(f"{page_url(plan).removesuffix('change/')}delete/", {"post": "yes"}).status_code == 403
    assert subscriptions.inventory(customer_id=row.customer_id, currency="USD") == []


def test_prices_of_plans_are_in_the_history_of_all_prices(boss, plan):
    set_plan_price(plan, "7", effective_from=timezone.now())
    assert f"Monthly number US ({plan.provider})" in boss.get(list_url(Price)).content.decode()


def test_a_purse_is_shown_before_staff_decide(boss, row):
    available = f"{purse_of(row):.2f} USD"
    assert available in boss.get(address(row, "release_it")).content.decode()


def purse_of(row) -> Decimal:
    return Wallet.objects.get(pk=row.wallet_id).available


def test_money_never_moves_by_looking(boss, row, buyer):
    before = purse_of(row)
    for action in ("renew_now", "ask_provider", "release_it"):
        boss.get(address(row, action))
    assert (purse_of(row), Subscription.objects.get().status) == (before, Status.ACTIVE)
    assert purse(buyer)[1] == 0
