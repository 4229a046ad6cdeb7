"""How the wallet looks in the OpenAPI document."""

from config.api.schema import enveloped, filter_parameters, paged
from wallets.api.serializers import AlertsShown, PlatformTransactionShown, TransactionShown, WalletShown

Balance = enveloped("WalletBalance", WalletShown())
Alerts = enveloped("WalletAlerts", AlertsShown())
Statement = paged("WalletStatement", TransactionShown(many=True))
Platform = paged("PlatformTransactions", PlatformTransactionShown(many=True))
parameters = filter_parameters
