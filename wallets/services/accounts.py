"""Opening customers, wallets and house accounts."""

from collections.abc import Set
from decimal import Decimal

from django.db import IntegrityError, transaction

from wallets.errors import InsufficientFunds, InvalidAmount
from wallets.models import Account, Customer, Wallet
from wallets.services.amounts import is_money
from wallets.services.refusals import constraint_of

# What the first word of a house account's code says of its type.
TYPES = {
    "cash": Account.Type.ASSET,
    "fx": Account.Type.ASSET,
    "revenue": Account.Type.REVENUE,
    "expense": Account.Type.EXPENSE,
    "payable": Account.Type.LIABILITY,
    "equity": Account.Type.LIABILITY,
}

HouseAccounts = dict[tuple[str, str], int]  # ids by code and currency


def house_accounts(wanted: Set[tuple[str, str]]) -> HouseAccounts:
    """The ids of house accounts by (code, currency); made where they do not exist yet."""
    found = find_house_accounts(wanted)
    missing = sorted(wanted - found.keys())
    if missing:
        Account.objects.bulk_create(
            [Account(code=code, currency=currency, type=TYPES[code.split(":")[0]]) for code, currency in missing],
            ignore_conflicts=True,
        )
        found = find_house_accounts(wanted)
    return found


def find_house_accounts(wanted: Set[tuple[str, str]]) -> HouseAccounts:
    """The ids of those house accounts that exist."""
    codes = {code for code, _ in wanted}
    rows = Account.objects.filter(code__in=codes, is_wallet=False).values_list("code", "currency", "id")
    return {(code, currency): id_ for code, currency, id_ in rows if (code, currency) in wanted}


def open_customer(*, name: str, currency: str = "USD", email: str = "", default_region: str = "US") -> Customer:
    """A new customer with an empty default wallet in `currency`."""
    with transaction.atomic():
        customer = Customer.objects.create(name=name, email=email, default_region=default_region)
        open_wallet(customer=customer, currency=currency)
    return customer


@transaction.atomic
def open_wallet(*, customer: Customer, currency: str) -> Wallet:
    """The customer's wallet in `currency`, empty if new; the first one becomes the default.

    Repeating it returns the wallet that is there.
    """
    # Two openings at once wait for each other here.
    Customer.objects.select_for_update(no_key=True).get(pk=customer.pk)
    existing = Wallet.objects.filter(customer=customer, currency=currency).first()
    if existing:
        return existing
    account = Account.objects.create(
        code=f"wallet:{customer.uuid}", type=Account.Type.LIABILITY, currency=currency, is_wallet=True
    )
    wallet = Wallet.objects.create(
        account=account, customer=customer, currency=currency, is_default=not customer.wallets.exists()
    )
    wallet.refresh_from_db()
    return wallet


def set_credit_limit(*, wallet: Wallet, credit_limit: Decimal) -> Wallet:
    """Set how far below zero the wallet may go.

    Raises InvalidAmount, and InsufficientFunds when the credit is already used.
    """
    if not is_money(credit_limit):
        raise InvalidAmount("A limit is zero or more, with at most 6 decimal places.")
    try:
        with transaction.atomic():
            Wallet.objects.filter(pk=wallet.pk).update(credit_limit=credit_limit)
    except IntegrityError as refusal:
        if constraint_of(refusal) != "wallet_available_not_negative":
            raise
        raise InsufficientFunds("The customer already uses more credit than that.") from refusal
    wallet.refresh_from_db()
    return wallet
