"""The ladder in SMSGist's words."""

import uuid

import pytest

from notifications.dialects.smsgist import shown
from notifications.models import Message

State = Message.State


def row(state, failure=""):
    return shown.Row(uuid.uuid4(), "+233245972246", state, failure, None, None)


@pytest.mark.parametrize(
    ("states", "word"),
    [
        (["accepted"], "queued"),
        (["scheduled", "queued"], "queued"),
        (["failed", "accepted"], "queued"),
        (["sent", "accepted"], "sent"),
        (["delivered", "undelivered"], "sent"),
        (["failed", "sending"], "sent"),
        (["failed", "undelivered", "expired", "rejected"], "failed"),
        (["failed", "canceled"], "failed"),
        (["canceled"], "canceled"),
    ],
)
def test_a_message_failed_only_if_all_failed(states, word):
    assert shown.overall([row(state) for state in states]) == word


@pytest.mark.parametrize("state", State.values)
def test_every_state_has_its_words_and_only_a_failed_one_a_reason(state):
    send_status, delivery_status = shown.WORDS[state]
    assert send_status in {"queued", "sent", "failed", "canceled"}
    assert delivery_status in {"PENDING", "DELIVERED", "FAILED", "EXPIRED", "CANCELED"}
    reason = shown.error_message(row(state, "30003"), "sms")
    assert (reason is None) == (send_status in {"queued", "sent"})
    assert "30003" not in (reason or "")


def test_the_printed_reason_is_told():
    assert shown.error_message(row(State.UNDELIVERED), "sms") == "Number not reachable"
    assert shown.error_message(row(State.UNDELIVERED), "email") == "Address not reachable"
    assert "opted out" in (shown.error_message(row(State.REJECTED, "suppressed"), "sms") or "")
