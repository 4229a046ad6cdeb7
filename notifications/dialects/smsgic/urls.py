"""The paths of SMSGIC, as its reference prints them; `/status` is the host's own."""

from config.api import route
from notifications.dialects.smsgic import views

urlpatterns = [
    route("balance", views.Balance.as_view(), "smsgic-balance"),
    route("senders", views.Senders.as_view(), "smsgic-senders"),
    route("rates", views.Rates.as_view(), "smsgic-rates"),
    route("sendings", views.Sendings.as_view(), "smsgic-sendings"),
    route("sendings/calculate", views.Calculate.as_view(), "smsgic-calculate"),
    # A slug: what is no id names no sending, and is answered as the reference prints it.
    route("sendings/{sending_id:slug}", views.SendingDetail.as_view(), "smsgic-sending"),
]
