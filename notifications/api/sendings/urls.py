"""The paths of SMS and e-mail in the native contract."""

from config.api import route
from notifications.api.sendings import views

V1 = "api/developer/v1"

urlpatterns = [
    route(f"{V1}/messages", views.Messages.as_view(), "messages"),
    route(f"{V1}/messages/{{message_id}}", views.MessageDetail.as_view(), "message"),
    route(f"{V1}/messages/{{message_id}}/retry", views.RetryMessage.as_view(), "message-retry"),
    route(f"{V1}/routes", views.Routes.as_view(), "routes"),
    route(f"{V1}/sendings", views.Sendings.as_view(), "sendings"),
    route(f"{V1}/sendings/calculate", views.Calculate.as_view(), "sendings-calculate"),
    route(f"{V1}/sendings/{{sending_id}}", views.SendingDetail.as_view(), "sending"),
    route(f"{V1}/sendings/{{sending_id}}/recipients", views.SendingRecipients.as_view(), "sending-recipients"),
    route(f"{V1}/sendings/{{sending_id}}/cancel", views.CancelSending.as_view(), "sending-cancel"),
]
