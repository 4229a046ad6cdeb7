"""The notifications' paths of the native contract."""

from django.urls import re_path

from config.api import route
from notifications.api import (
    mail_views,
    mail_webhooks,
    preview_views,
    suppression_views,
    views,
    webhook_views,
)

V1 = "api/developer/v1"
ENDPOINTS = f"{V1}/webhook-endpoints"
ENDPOINT = f"{ENDPOINTS}/{{endpoint_id}}"
DELIVERY = f"{ENDPOINT}/deliveries/{{delivery_id}}"
SIGNED = r"[-A-Za-z0-9_~.]{1,300}"

urlpatterns = [
    route(f"{V1}/notifications/send", views.Send.as_view(), "notification-send"),
    route(f"{V1}/notifications/messages", views.Messages.as_view(), "notifications"),
    route(f"{V1}/notifications/messages/{{message_id}}", views.MessageDetail.as_view(), "notification"),
    route(f"{V1}/templates", views.Templates.as_view(), "templates"),
    route(f"{V1}/templates/{{template_id}}", views.TemplateDetail.as_view(), "template"),
    route(f"{V1}/templates/{{template_id}}/versions", views.TemplateVersions.as_view(), "template-versions"),
    route(f"{V1}/templates/{{template_id}}/submit", views.SubmitTemplate.as_view(), "template-submit"),
    route(f"{V1}/messages/preview", preview_views.Preview.as_view(), "message-preview"),
    route(f"{V1}/senders", views.Senders.as_view(), "senders"),
    route("api/webhooks/whatsapp/status", views.WhatsAppStatus.as_view(), "whatsapp-status"),
    route(f"{V1}/suppressions", suppression_views.Suppressions.as_view(), "suppressions"),
    route(f"{V1}/suppressions/{{suppression_id}}", suppression_views.SuppressionDetail.as_view(), "suppression"),
    route(ENDPOINTS, webhook_views.Endpoints.as_view(), "webhook-endpoints"),
    route(ENDPOINT, webhook_views.EndpointDetail.as_view(), "webhook-endpoint"),
    route(f"{ENDPOINT}/rotate-secret", webhook_views.RotateSecret.as_view(), "webhook-rotate-secret"),
    route(f"{ENDPOINT}/test", webhook_views.TestEvent.as_view(), "webhook-test"),
    route(f"{ENDPOINT}/replay", webhook_views.ReplayMany.as_view(), "webhook-replay-many"),
    route(f"{ENDPOINT}/deliveries", webhook_views.DeliveryList.as_view(), "webhook-deliveries"),
    route(DELIVERY, webhook_views.DeliveryDetail.as_view(), "webhook-delivery"),
    route(f"{DELIVERY}/replay", webhook_views.ReplayDelivery.as_view(), "webhook-replay"),
    route(f"{mail_webhooks.WEBHOOKS}/bounce", mail_webhooks.ReturnedMail.as_view(), "returned-mail"),
    *mail_webhooks.esp_webhooks(),
    re_path(rf"^t/o/(?P<token>{SIGNED})\.gif\Z", mail_views.opened, name="mail-opened"),
    re_path(r"^t/c\Z", mail_views.clicked, name="mail-clicked"),
    re_path(rf"^u/(?P<token>{SIGNED})\Z", mail_views.unsubscribe, name="mail-unsubscribe"),
]
