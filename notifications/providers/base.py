"""What a carrier of messages must be able to do, and the ways it can fail."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Protocol, runtime_checkable


class ProviderError(Exception):
    """The provider answered with a clear no: nothing was sent and nothing is owed.

    `code` is the provider's own number, or a word of ours. `permanent` says that asking the same
    again is pointless. `about_recipient` says that this recipient cannot be reached, which is an
    outcome of the delivery and no fault of the request.
    """

    def __init__(self, code: str = "provider_error", *, permanent: bool = True, about_recipient: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.permanent = permanent
        self.about_recipient = about_recipient


class OutcomeUnknown(Exception):
    """The call may or may not have happened: a timeout, a cut connection, an answer nobody understands."""


@dataclass(frozen=True)
class SendRequest:
    """One message to send. `reference` is ours and unique; `called_at` is when it was first handed over.

    Where `template_id` is set, the provider renders that template of its own with `variables`;
    `body` is what comes out. The last four are of an e-mail alone.
    """

    reference: str
    channel: str
    sender: str
    to: str
    body: str
    called_at: datetime
    template_id: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    subject: str = ""
    from_name: str = ""
    reply_to: str = ""
    no_tracking: bool = False


@dataclass(frozen=True)
class Submitted:
    """The provider has the message; `id` is its own, `status` the first word of its ladder."""

    id: str
    status: str = "queued"


@dataclass(frozen=True)
class Standing:
    """What a provider says of a message it has, when it is asked."""

    status: str
    error_code: str = ""
    cost: Decimal | None = None
    cost_currency: str = ""


@dataclass(frozen=True)
class Verdict:
    """What a provider says of a template of its own: one of our statuses, and why."""

    status: str
    reason: str = ""


class MessageProvider(Protocol):
    """Every call ends within `deadline_seconds`."""

    name: str
    needs_template_id: bool  # does it send templates only by an id of its own?
    silence_means_delivered: bool  # does it tell only of failures, so that no report in time is a good one?

    def send(self, request: SendRequest, *, deadline_seconds: float) -> Submitted:
        """Send one message, once. Raises ProviderError (clear no) or OutcomeUnknown."""

    def find(
        self, request: SendRequest, *, is_ours_already: Callable[[str], bool], deadline_seconds: float
    ) -> Submitted | None:
        """What became of a request whose answer was lost; None when it certainly was not taken.

        `is_ours_already` says of a provider's id that it belongs to another message. Raises
        OutcomeUnknown wherever it cannot be proven.
        """

    def standing(self, message_id: str, *, deadline_seconds: float) -> Standing | None:
        """How a message stands and what it cost; None where there is nothing to say. Raises OutcomeUnknown."""

    def verdict(self, template_id: str, *, deadline_seconds: float) -> Verdict | None:
        """Whether the provider lets a template be sent; None where it has no say. Raises OutcomeUnknown."""


@runtime_checkable
class BatchProvider(MessageProvider, Protocol):
    """A provider that takes many messages in one call."""

    def send_many(
        self, requests: Sequence[SendRequest], *, deadline_seconds: float
    ) -> Mapping[str, Submitted | ProviderError]:
        """Send each message once; its answer by our reference. One without an answer is unknown.

        Raises ProviderError (a clear no to all of them) or OutcomeUnknown.
        """
