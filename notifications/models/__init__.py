"""What leaves the house: who it comes from, what it says, and what became of it."""

from notifications.models.channel import Channel
from notifications.models.message import Message
from notifications.models.pace import ProviderPace
from notifications.models.report import DeliveryReport
from notifications.models.route import Route
from notifications.models.sandbox import SandboxMessage
from notifications.models.sender import Sender
from notifications.models.sending import Chunk, Sending
from notifications.models.suppression import Suppression
from notifications.models.template import MessageTemplate, TemplateVersion
from notifications.models.webhook import WebhookAttempt, WebhookDelivery, WebhookEndpoint

__all__ = [
    "Channel",
    "Chunk",
    "DeliveryReport",
    "Message",
    "MessageTemplate",
    "ProviderPace",
    "Route",
    "SandboxMessage",
    "Sender",
    "Sending",
    "Suppression",
    "TemplateVersion",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookEndpoint",
]
