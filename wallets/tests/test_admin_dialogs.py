"""Staff move money by dialogs: asked, posted, done once, logged with who and why."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from threading import Barrier

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.urls import reverse

from wallets.models import Customer, Hold, Transaction, Wallet
from wallets.services import charge, deposit, open_customer, open_wallet, place_hold

pytestmark = pytest.mark.django_db


def staff_client(*rights: str, superuser: bool = False) -> Client:
    user = get_user_model().objects.create_user("ann@example.com", "a long password", is_staff=True)
    user.is_superuser = superuser
    user.save()
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def boss() -> Client:
    return staff_client(superuser=True)


@pytest.fixture
def wallet() -> Wallet:
    made = open_customer(name="Acme").wallets.get()
    deposit(wallet=made, amount=Decimal(10), reference="first")
    made.refresh_from_db()
    return made


def address(page: str, action: str, pk: object) -> str:
    return reverse(f"admin:{page}_{action}", args=[pk])


def send(client: Client, page: str, action: str, pk: object, **fields: object):
    given = {"_form_submitted": "on", "reason": "A good reason", "nonce": str(uuid.uuid4()), **fields}
    return client.post(address(page, action, pk), given)


def balance(wallet: Wallet) -> Decimal:
    return Wallet.objects.get(pk=wallet.pk).balance


def last_log() -> str:
    return LogEntry.objects.latest("pk").get_change_message()


def test_a_deposit_credits_the_wallet_and_says_who_and_why(boss, wallet):
    response = send(boss, "wallets_wallet", "deposit", wallet.pk, amount="1,250.50", reason="Wire 4711")

    assert response.status_code == 302
    assert balance(wallet) == Decimal("1260.50")
    posted = Transaction.objects.latest("pk")
    assert (posted.kind, posted.actor) == ("deposit", "staff:ann@example.com")
    entry = LogEntry.objects.get()
    assert entry.user.email == "ann@example.com"
    assert "Wire 4711" in entry.get_change_message()
    assert posted.reference in entry.get_change_message()


@pytest.mark.parametrize(
    ("action", "amount", "after"), [("deposit", "5", 15), ("adjust", "-4", 6), ("adjust", "3", 13)]
)
def test_the_same_dialog_sent_twice_moves_money_once(boss, wallet, action, amount, after):
    nonce = str(uuid.uuid4())
    for _ in range(2):
        assert send(boss, "wallets_wallet", action, wallet.pk, amount=amount, nonce=nonce).status_code == 302

    assert balance(wallet) == after
    assert LogEntry.objects.count() == 1


def test_the_same_dialog_sent_twice_with_another_amount_is_refused(boss, wallet):
    nonce = str(uuid.uuid4())
    send(boss, "wallets_wallet", "deposit", wallet.pk, amount="5", nonce=nonce)
    response = send(boss, "wallets_wallet", "deposit", wallet.pk, amount="6", nonce=nonce)

    assert "already used for a different request" in response.content.decode()
    assert balance(wallet) == 15


@pytest.mark.parametrize("action", ["deposit", "adjust", "set_limits"])
def test_opening_a_dialog_moves_nothing_and_makes_a_fresh_nonce(boss, wallet, action):
    pages = [boss.get(address("wallets_wallet", action, wallet.pk), {"amount": "5", "reason": "x"}) for _ in range(2)]

    assert [page.status_code for page in pages] == [200, 200]
    assert balance(wallet) == 10
    assert not LogEntry.objects.exists()
    if action != "set_limits":
        nonces = {page.context["form"]["nonce"].value() for page in pages}
        assert len(nonces) == 2


@pytest.mark.parametrize("action", ["open_a_wallet", "suspend", "reactivate"])
def test_the_dialogs_of_a_customer_open(boss, wallet, action):
    page = boss.get(address("wallets_customer", action, wallet.customer_id))

    assert page.status_code == 200
    assert "<form" in page.content.decode()


@pytest.mark.parametrize("amount", ["", "0", "-1", "1e3", "１２", "NaN", "0.0000001", "9" * 30, "5;DROP", "1,2"])
def test_what_is_no_amount_is_refused_in_the_dialog(boss, wallet, amount):
    response = send(boss, "wallets_wallet", "deposit", wallet.pk, amount=amount)

    assert response.status_code == 200
    assert response.context["form"].errors["amount"]
    assert balance(wallet) == 10


def test_nothing_moves_without_a_reason(boss, wallet):
    response = send(boss, "wallets_wallet", "deposit", wallet.pk, amount="5", reason="  ")

    assert response.context["form"].errors["reason"]
    assert balance(wallet) == 10


def test_an_adjustment_beyond_the_balance_is_refused_with_the_amounts(boss, wallet):
    response = send(boss, "wallets_wallet", "adjust", wallet.pk, amount="-10.5")

    assert "Insufficient balance: required 10.50 USD, available 10.00 USD." in response.content.decode()
    assert balance(wallet) == 10
    assert not LogEntry.objects.exists()


def test_limits_are_set_and_logged_once(boss, wallet):
    for _ in range(2):
        send(boss, "wallets_wallet", "set_limits", wallet.pk, credit_limit="50", warn_below="20 5.5")

    wallet.refresh_from_db()
    assert (wallet.credit_limit, wallet.balance) == (50, 10)
    assert [level.amount for level in wallet.alert_levels.all()] == [20, Decimal("5.5")]
    assert LogEntry.objects.count() == 1


def test_a_credit_in_use_cannot_be_taken_away(boss, wallet):
    send(boss, "wallets_wallet", "set_limits", wallet.pk, credit_limit="50")
    charge(wallet=wallet, amount=Decimal(40), kind="sms_purchase", reference="spent", account="revenue:activations")

    response = send(boss, "wallets_wallet", "set_limits", wallet.pk, credit_limit="5")

    assert "already uses more credit" in response.content.decode()
    wallet.refresh_from_db()
    assert wallet.credit_limit == 50


@pytest.mark.parametrize("action", ["deposit", "adjust", "set_limits"])
def test_without_the_right_to_change_wallets_there_is_no_dialog(wallet, action):
    reader = staff_client("view_wallet")

    page = reader.get(reverse("admin:wallets_wallet_change", args=[wallet.pk]))
    assert page.status_code == 200
    assert address("wallets_wallet", action, wallet.pk) not in page.content.decode()
    assert reader.get(address("wallets_wallet", action, wallet.pk)).status_code == 403
    assert send(reader, "wallets_wallet", action, wallet.pk, amount="5").status_code == 403
    assert balance(wallet) == 10


def test_with_the_right_to_change_wallets_the_dialogs_are_offered(wallet):
    cashier = staff_client("change_wallet")

    page = cashier.get(reverse("admin:wallets_wallet_change", args=[wallet.pk]))

    assert address("wallets_wallet", "deposit", wallet.pk) in page.content.decode()
    assert send(cashier, "wallets_wallet", "deposit", wallet.pk, amount="5").status_code == 302


@pytest.mark.parametrize("pk", ["999999", "abc", "9" * 40])
def test_a_dialog_about_no_wallet_is_not_found(boss, pk):
    assert send(boss, "wallets_wallet", "deposit", pk, amount="5").status_code == 404


@pytest.fixture
def spent(wallet: Wallet) -> Transaction:
    return charge(
        wallet=wallet, amount=Decimal(4), kind="sms_purchase", reference="activation:91:charge",
        account="revenue:activations", description="Telegram rental #91",
    )  # fmt: skip


def test_a_refund_gives_back_a_part_once_and_shows_what_is_left(boss, wallet, spent):
    nonce = str(uuid.uuid4())
    for _ in range(2):
        send(boss, "wallets_transaction", "refund", spent.pk, amount="1.5", nonce=nonce, reason="Code came garbled")

    assert balance(wallet) == Decimal("7.5")
    given_back = spent.refunds.get()
    assert given_back.kind == "sms_refund"
    assert given_back.reference.startswith("activation:91:staff-refund:")
    assert "Code came garbled" in last_log()
    assert LogEntry.objects.count() == 1
    opened = boss.get(address("wallets_transaction", "refund", spent.pk))
    assert opened.context["form"]["amount"].value() == "2.50"


def test_a_refund_beyond_what_is_left_is_refused_in_the_dialog(boss, wallet, spent):
    send(boss, "wallets_transaction", "refund", spent.pk, amount="3")
    response = send(boss, "wallets_transaction", "refund", spent.pk, amount="1.01")

    assert "Refunds would exceed the original amount" in response.content.decode()
    assert balance(wallet) == 9


def test_only_charges_offer_a_refund_and_only_deposits_a_chargeback(boss, wallet, spent):
    deposited = Transaction.objects.get(reference="first")
    pages = {
        row.pk: boss.get(reverse("admin:wallets_transaction_change", args=[row.pk])).content.decode()
        for row in (spent, deposited)
    }

    assert address("wallets_transaction", "refund", spent.pk) in pages[spent.pk]
    assert address("wallets_transaction", "chargeback", spent.pk) not in pages[spent.pk]
    assert address("wallets_transaction", "refund", deposited.pk) not in pages[deposited.pk]
    assert address("wallets_transaction", "chargeback", deposited.pk) in pages[deposited.pk]
    assert (
        "cannot be refunded" in send(boss, "wallets_transaction", "refund", deposited.pk, amount="1").content.decode()
    )


def test_a_chargeback_of_spent_money_leaves_a_debt(boss, wallet, spent):
    deposited = Transaction.objects.get(reference="first")

    send(boss, "wallets_transaction", "chargeback", deposited.pk, amount="10", reason="Bank recall")

    wallet.refresh_from_db()
    assert (wallet.balance, wallet.debt) == (-4, 4)
    assert "Bank recall" in last_log()


def test_a_hold_of_no_order_is_released_by_hand(boss, wallet):
    hold = place_hold(wallet=wallet, amount=Decimal(2), reference="manual:1")

    send(boss, "wallets_hold", "release_it", hold.pk, reason="Reserved in error")

    hold.refresh_from_db()
    assert hold.status == Hold.Status.RELEASED
    assert "Reserved in error" in last_log()
    again = send(boss, "wallets_hold", "release_it", hold.pk)
    assert again.status_code == 302
    assert LogEntry.objects.count() == 1


def test_a_customer_is_suspended_and_reactivated_with_a_reason(boss, wallet):
    customer = wallet.customer
    for _ in range(2):
        send(boss, "wallets_customer", "suspend", customer.pk, reason="Chargebacks")
    customer.refresh_from_db()
    assert customer.status == Customer.Status.SUSPENDED
    assert "Chargebacks" in LogEntry.objects.get().get_change_message()

    send(boss, "wallets_customer", "reactivate", customer.pk, reason="Paid")
    customer.refresh_from_db()
    assert customer.may_spend


def test_a_wallet_is_opened_in_a_currency_that_exists(boss, wallet):
    customer = wallet.customer
    for _ in range(2):
        send(boss, "wallets_customer", "open_a_wallet", customer.pk, currency="ngn")
    refused = send(boss, "wallets_customer", "open_a_wallet", customer.pk, currency="XQZ")

    assert sorted(customer.wallets.values_list("currency", flat=True)) == ["NGN", "USD"]
    assert "ISO 4217" in refused.content.decode()


def test_a_new_customer_gets_a_wallet_in_the_chosen_currency(boss):
    given = {"name": "Globex", "email": "", "default_region": "ke", "time_zone": "Africa/Nairobi", "currency": "KES"}
    response = boss.post(reverse("admin:wallets_customer_add"), given)

    customer = Customer.objects.get()
    assert response.status_code == 302
    assert (customer.default_region, customer.time_zone) == ("KE", "Africa/Nairobi")
    assert customer.wallets.get().currency == "KES"


def test_editing_a_customer_leaves_a_status_that_was_set_meanwhile(boss, wallet):
    customer = wallet.customer
    Customer.objects.filter(pk=customer.pk).update(status=Customer.Status.SUSPENDED)
    given = {"name": "Acme Ltd", "email": "", "default_region": "US", "time_zone": "UTC", "tax_percent": "0"}

    boss.post(reverse("admin:wallets_customer_change", args=[customer.pk]), given)

    customer.refresh_from_db()
    assert (customer.name, customer.status) == ("Acme Ltd", Customer.Status.SUSPENDED)


def test_a_dialog_sent_by_the_page_leaves_by_a_header(boss, wallet):
    """HTMX swallows an ordinary redirect."""
    given = {"_form_submitted": "on", "reason": "Wire", "nonce": str(uuid.uuid4()), "amount": "5"}
    response = boss.post(address("wallets_wallet", "deposit", wallet.pk), given, headers={"HX-Request": "true"})

    assert response.headers["HX-Redirect"] == reverse("admin:wallets_wallet_change", args=[wallet.pk])


@pytest.mark.django_db(transaction=True)
def test_the_same_dialog_sent_at_the_same_moment_moves_and_logs_once():
    made = open_wallet(customer=open_customer(name="Acme"), currency="USD")
    user = get_user_model().objects.create_superuser("ann@example.com", "a long password")
    nonce, start = str(uuid.uuid4()), Barrier(2)

    def submit(_: int) -> int:
        try:
            client = Client()
            client.force_login(user)
            start.wait(10)
            return send(client, "wallets_wallet", "deposit", made.pk, amount="5", nonce=nonce).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        codes = list(threads.map(submit, range(2)))

    assert codes == [302, 302]
    assert balance(made) == 5
    assert LogEntry.objects.count() == 1
