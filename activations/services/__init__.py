"""What can be done with an activation. The only writers of this app; import from here."""

from activations.services.buying import buy, resume
from activations.services.closing import cancel, expire
from activations.services.codes import extract_code
from activations.services.erasing import erase_texts
from activations.services.finishing import finish
from activations.services.inbound import receive_text, resolve_late
from activations.services.resolving import look_at_due, resolve
from activations.services.stock import Offered, offered

__all__ = [
    "Offered",
    "buy",
    "cancel",
    "erase_texts",
    "expire",
    "extract_code",
    "finish",
    "look_at_due",
    "offered",
    "receive_text",
    "resolve",
    "resolve_late",
    "resume",
]
