"""The paths of SMSGist, as its reference prints them."""

from config.api import route
from notifications.dialects.smsgist import views

urlpatterns = [
    route("api/sms/send", views.SendSms.as_view(), "smsgist-sms-send"),
    route("api/email/send", views.SendEmail.as_view(), "smsgist-email-send"),
    route("api/message/{message_id:slug}/status", views.MessageStatus.as_view(), "smsgist-message-status"),
    route("api/message/{message_id:slug}/retry", views.RetryMessage.as_view(), "smsgist-message-retry"),
    route("api/credits/balance", views.Balance.as_view(), "smsgist-balance"),
]
