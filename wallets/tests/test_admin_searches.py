"""What a support person looks for, and is led to."""

from decimal import Decimal

import pytest
from django.urls import reverse

from wallets.models import Customer, Transaction
from wallets.services import charge
from wallets.tests.factories import make_wallet
from wallets.tests.test_admin_dialogs import staff_client

pytestmark = pytest.mark.django_db
TRANSACTIONS = reverse("admin:wallets_transaction_changelist")
KEY = "sgk_ab12"


@pytest.fixture
def boss():
    return staff_client(superuser=True)


@pytest.fixture
def taken() -> Transaction:
    """A charge of Acme's, beside another customer's."""
    for name in ("Acme", "Other"):
        wallet = make_wallet("100")
        Customer.objects.filter(pk=wallet.customer_id).update(name=name, email=f"owner@{name.lower()}.example")
        charge(
            wallet=wallet, amount=Decimal("1.25"), kind="sms_purchase", reference=f"activation:{wallet.pk}:capture",
            account="revenue:sms", credential=KEY,
        )  # fmt: skip
    return Transaction.objects.get(wallet__customer__name="Acme", kind="sms_purchase")


def found(boss, term) -> list[int]:
    return [row.pk for row in boss.get(TRANSACTIONS, {"q": term}).context["cl"].result_list]


def test_a_customers_cent_is_found_by_name_by_address_by_reference_and_by_number(boss, taken):
    for term in ("Acme", "owner@acme.example", str(taken.wallet.customer.uuid)):
        rows = Transaction.objects.filter(pk__in=found(boss, term))
        assert {row.wallet_id for row in rows} == {taken.wallet_id}
    for term in (taken.reference, f"#{taken.pk}"):
        assert found(boss, term) == [taken.pk]


def test_a_transaction_says_in_words_what_it_is_and_whose(boss, taken):
    page = boss.get(reverse("admin:wallets_transaction_change", args=[taken.pk])).text
    assert "SMS purchase" in page
    assert "Wallet of Acme" in page
    assert f"{reverse('admin:apikeys_apikey_changelist')}?q={KEY}" in page


def test_what_is_not_found_is_said_with_what_can_be_searched_for(boss, taken):
    page = boss.get(TRANSACTIONS, {"q": "nobody at all"}).text
    assert "Nothing matches “nobody at all”" in page
    assert "start of a reference" in page


def test_a_customer_who_leaves_is_closed_and_can_come_back(boss, taken):
    customer = taken.wallet.customer
    for name, status in (("close", "closed"), ("reactivate", "active")):
        url = reverse(f"admin:wallets_customer_{name}", args=[customer.pk])
        boss.post(url, {"_form_submitted": "on", "reason": "They asked"})
        customer.refresh_from_db()
        assert customer.status == status
