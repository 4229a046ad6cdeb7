"""The back office's pages of money. Reading is free; whatever moves money asks, calls a service, and is logged."""

from wallets.admin import accounts, alerts, customers, holds, house, transactions, wallets

__all__ = ["accounts", "alerts", "customers", "holds", "house", "transactions", "wallets"]
