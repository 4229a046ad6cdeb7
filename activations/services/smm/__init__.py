"""What can be done with an SMM order. The only writers of these orders; import from here."""

from activations.services.smm.asking import ask_again, request_cancel, request_refill
from activations.services.smm.deciding import deal_with, declare_not_placed, declare_placed, settle_by_hand
from activations.services.smm.ordering import Wish, place, resume
from activations.services.smm.polling import poll_due
from activations.services.smm.resolving import look_at_due, resolve
from activations.services.smm.syncing import sync_services

__all__ = [
    "Wish",
    "ask_again",
    "deal_with",
    "declare_not_placed",
    "declare_placed",
    "look_at_due",
    "place",
    "poll_due",
    "request_cancel",
    "request_refill",
    "resolve",
    "resume",
    "settle_by_hand",
    "sync_services",
]
