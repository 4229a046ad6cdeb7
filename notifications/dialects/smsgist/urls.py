"""The paths of SMSGist, as its reference prints them."""

from config.api import route
from notifications.dialects.smsgist import views

urlpatterns = [
    route("api/credits/balance", views.Balance.as_view(), "smsgist-balance"),
]
