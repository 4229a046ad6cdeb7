"""The activations' paths of the native contract."""

from activations.api import number_views, twilio, views
from activations.providers.twilio import WEBHOOK
from config.api import route

V1 = "api/developer/v1/activations"
NUMBERS = "api/developer/v1/monthly-numbers"
ONE = f"{NUMBERS}/subscriptions/{{subscription_id}}"

urlpatterns = [
    route(V1, views.Activations.as_view(), "activations"),
    route(f"{V1}/buy", views.Buy.as_view(), "activation-buy"),
    route(f"{V1}/{{activation_id}}", views.ActivationDetail.as_view(), "activation"),
    route(f"{V1}/{{activation_id}}/check-sms", views.CheckSms.as_view(), "activation-check-sms"),
    route(f"{V1}/{{activation_id}}/cancel", views.Cancel.as_view(), "activation-cancel"),
    route(f"{V1}/{{activation_id}}/finish", views.Finish.as_view(), "activation-finish"),
    route(f"{NUMBERS}/inventory", number_views.Inventory.as_view(), "number-inventory"),
    route(f"{NUMBERS}/purchase", number_views.Purchase.as_view(), "number-purchase"),
    route(f"{NUMBERS}/outlook", number_views.Outlook.as_view(), "number-outlook"),
    route(f"{NUMBERS}/subscriptions", number_views.Subscriptions.as_view(), "subscriptions"),
    route(ONE, number_views.SubscriptionDetail.as_view(), "subscription"),
    route(f"{ONE}/auto-renew", number_views.AutoRenew.as_view(), "subscription-auto-renew"),
    route(f"{ONE}/cancel", number_views.Cancel.as_view(), "subscription-cancel"),
    route(f"{ONE}/messages", number_views.Messages.as_view(), "subscription-messages"),
    route(WEBHOOK.removeprefix("/"), twilio.TwilioSms.as_view(), "twilio-sms"),
]
