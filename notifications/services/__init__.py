"""What can be done with messages, templates and senders. The only writers of this app; import from here."""

from notifications.services.dispatching import dispatch_due
from notifications.services.erasing import erase_texts
from notifications.services.reports import Report, receive_report, receive_reports
from notifications.services.senders import approve_sender, disable_sender, reject_sender, request_sender
from notifications.services.sending import Notification, send
from notifications.services.sendings import (
    Calculation,
    Counts,
    Line,
    SendingWanted,
    calculate,
    cancel_sending,
    counts_of,
    create_sending,
    finish_canceling,
    retry_message,
    retry_sending,
    settle_chunks,
)
from notifications.services.settling import give_up, resolve, settle_due
from notifications.services.suppressions import hear, lift, lift_for_customer, suppress, suppressed_among
from notifications.services.templates import (
    add_version,
    approve,
    ask_providers,
    create_template,
    disable,
    hand_to_provider,
    pause,
    reject,
    resume_template,
    submit,
)

__all__ = [
    "Calculation",
    "Counts",
    "Line",
    "Notification",
    "Report",
    "SendingWanted",
    "add_version",
    "approve",
    "approve_sender",
    "ask_providers",
    "calculate",
    "cancel_sending",
    "counts_of",
    "create_sending",
    "create_template",
    "disable",
    "disable_sender",
    "dispatch_due",
    "erase_texts",
    "finish_canceling",
    "give_up",
    "hand_to_provider",
    "hear",
    "lift",
    "lift_for_customer",
    "pause",
    "receive_report",
    "receive_reports",
    "reject",
    "reject_sender",
    "request_sender",
    "resolve",
    "resume_template",
    "retry_message",
    "retry_sending",
    "send",
    "settle_chunks",
    "settle_due",
    "submit",
    "suppress",
    "suppressed_among",
]
