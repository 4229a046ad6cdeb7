"""The wallet's paths of the native contract."""

from config.api import route
from wallets.api import views

V1 = "api/developer/v1"

urlpatterns = [
    route(f"{V1}/wallet/balance", views.Balance.as_view(), "wallet-balance"),
    route(f"{V1}/wallet/transactions", views.Statement.as_view(), "wallet-transactions"),
    route(f"{V1}/wallet/history", views.Statement.as_view(), "wallet-history"),
    route(f"{V1}/wallet/alerts", views.Alerts.as_view(), "wallet-alerts"),
    route(f"{V1}/transactions", views.PlatformTransactions.as_view(), "transactions"),
]
