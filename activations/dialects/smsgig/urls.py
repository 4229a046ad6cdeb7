"""The paths of SMSGig, as its reference prints them. `s1` is its server for US numbers."""

from activations.dialects.smsgig import views
from config.api import route

V1 = "api/v1"

urlpatterns = [
    route(f"{V1}/balance", views.Balance.as_view(), "smsgig-balance"),
    route(f"{V1}/transactions", views.Transactions.as_view(), "smsgig-transactions"),
    route(f"{V1}/s1/services", views.Services.as_view(), "smsgig-services"),
    route(f"{V1}/s1/rent", views.Rent.as_view(), "smsgig-rent"),
    route(f"{V1}/s1/status", views.Status.as_view(), "smsgig-status"),
    route(f"{V1}/s1/rentals/status", views.RentalStatus.as_view(), "smsgig-rental-status"),
    route(f"{V1}/s1/rentals/cancel", views.CancelRental.as_view(), "smsgig-rental-cancel"),
]
