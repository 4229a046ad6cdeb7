"""What can be done with a monthly number. Import from here."""

from activations.services.subscriptions.buying import purchase, resume
from activations.services.subscriptions.ending import cancel, set_auto_renew, take_back
from activations.services.subscriptions.inventory import inventory
from activations.services.subscriptions.looking import look_at, settle_numbers
from activations.services.subscriptions.outlook import outlook
from activations.services.subscriptions.renewing import renew, renew_due
from activations.services.subscriptions.texting import send_text

__all__ = [
    "cancel",
    "inventory",
    "look_at",
    "outlook",
    "purchase",
    "renew",
    "renew_due",
    "resume",
    "send_text",
    "set_auto_renew",
    "settle_numbers",
    "take_back",
]
