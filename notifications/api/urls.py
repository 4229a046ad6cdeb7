"""The notifications' paths of the native contract."""

from config.api import route
from notifications.api import views

V1 = "api/developer/v1"

urlpatterns = [
    route(f"{V1}/notifications/send", views.Send.as_view(), "notification-send"),
    route(f"{V1}/notifications/messages", views.Messages.as_view(), "notifications"),
    route(f"{V1}/notifications/messages/{{message_id}}", views.MessageDetail.as_view(), "notification"),
    route(f"{V1}/templates", views.Templates.as_view(), "templates"),
    route(f"{V1}/templates/{{template_id}}", views.TemplateDetail.as_view(), "template"),
    route(f"{V1}/templates/{{template_id}}/versions", views.TemplateVersions.as_view(), "template-versions"),
    route(f"{V1}/templates/{{template_id}}/submit", views.SubmitTemplate.as_view(), "template-submit"),
    route(f"{V1}/senders", views.Senders.as_view(), "senders"),
    route("api/webhooks/whatsapp/status", views.WhatsAppStatus.as_view(), "whatsapp-status"),
]
