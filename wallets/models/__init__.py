"""Money: who has it, what moved it, what is set aside, and what must be told about it."""

from wallets.models.alert import AlertLevel, LowBalanceAlert
from wallets.models.customer import Customer
from wallets.models.event import Event
from wallets.models.exchange import ExchangeRate
from wallets.models.hold import Hold, Release
from wallets.models.ledger import Account, AccountTotal, Entry, Transaction, Wallet
from wallets.models.spending import SpendCap
from wallets.models.tick import Tick

__all__ = [
    "Account",
    "AccountTotal",
    "AlertLevel",
    "Customer",
    "Entry",
    "Event",
    "ExchangeRate",
    "Hold",
    "LowBalanceAlert",
    "Release",
    "SpendCap",
    "Tick",
    "Transaction",
    "Wallet",
]
