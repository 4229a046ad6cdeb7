"""Sendings: one text to one or many recipients, by SMS or e-mail. Import from here."""

from notifications.services.sendings.calculating import Calculation, Line, calculate
from notifications.services.sendings.canceling import cancel_sending, finish_canceling
from notifications.services.sendings.counting import Counts, counts_of
from notifications.services.sendings.creating import create_sending
from notifications.services.sendings.retrying import retry_message, retry_sending
from notifications.services.sendings.settling import settle_chunks
from notifications.services.sendings.wanted import SendingWanted

__all__ = [
    "Calculation",
    "Counts",
    "Line",
    "SendingWanted",
    "calculate",
    "cancel_sending",
    "counts_of",
    "create_sending",
    "finish_canceling",
    "retry_message",
    "retry_sending",
    "settle_chunks",
]
