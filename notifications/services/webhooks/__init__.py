"""What can be done with webhook endpoints and their deliveries. Import from here."""

from notifications.services.webhooks.dispatcher import Dispatcher
from notifications.services.webhooks.endpoints import (
    change_endpoint,
    create_endpoint,
    delete_endpoint,
    disable_endpoint,
    enable_endpoint,
    forget_signing_key,
    rotate_secret,
    send_test_event,
)
from notifications.services.webhooks.replaying import replay, replay_many
from notifications.services.webhooks.tidying import tell_of_disabled, tidy

__all__ = [
    "Dispatcher",
    "change_endpoint",
    "create_endpoint",
    "delete_endpoint",
    "disable_endpoint",
    "enable_endpoint",
    "forget_signing_key",
    "replay",
    "replay_many",
    "rotate_secret",
    "send_test_event",
    "tell_of_disabled",
    "tidy",
]
