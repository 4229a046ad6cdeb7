"""The activations' paths of the native contract."""

from activations.api import views
from config.api import route

V1 = "api/developer/v1/activations"

urlpatterns = [
    route(V1, views.Activations.as_view(), "activations"),
    route(f"{V1}/buy", views.Buy.as_view(), "activation-buy"),
    route(f"{V1}/{{activation_id}}", views.ActivationDetail.as_view(), "activation"),
    route(f"{V1}/{{activation_id}}/check-sms", views.CheckSms.as_view(), "activation-check-sms"),
    route(f"{V1}/{{activation_id}}/cancel", views.Cancel.as_view(), "activation-cancel"),
]
