"""Why a message could not be sent, or a template not be moved on."""

from config.errors import DomainError


class TemplateNotReady(DomainError):
    """Never approved, paused or disabled."""

    code = "template_not_ready"
    message = "Template not ready for dispatch"


class SenderNotReady(DomainError):
    """No approved sender: neither the customer's own nor one of the house."""

    code = "sender_not_ready"
    message = "There is no approved sender for this channel."


class NotPriced(DomainError):
    code = "not_offered"
    message = "This kind of message is not offered to this account."


class SendInProgress(DomainError):
    """An earlier message to the same recipient still waits for the provider. Facts: `retry_after_seconds`."""

    code = "send_in_progress"
    message = "Send in progress"


class RequestInProgress(DomainError):
    """The same request is being sent right now. Facts: `retry_after_seconds`."""

    code = "request_in_progress"
    message = "This request is still being processed."


class ProviderRefused(DomainError):
    """The provider said no, and it was not for the recipient. What was charged is given back."""

    code = "provider_error"
    message = "The message could not be sent. Nothing was charged."


class WrongState(DomainError):
    """A template, sender or message is not where such a step begins. Facts: `status`."""

    code = "wrong_state"
    message = "This cannot be done in the current status."


class DecidedByRecipient(DomainError):
    """A customer would send to somebody who has asked not to be sent to. Facts: `reason`."""

    code = "decided_by_recipient"
    message = "The recipient has asked for this. Only the recipient can take it back."


class RouteUnknown(DomainError):
    """There is no such route on this channel, or it is switched off. Facts: `route`."""

    code = "route_unknown"
    message = "There is no such route."


class NoTestAddress(DomainError):
    """In test mode everything goes to an address configured for the credential, and there is none."""

    code = "no_test_address"
    message = "Test mode: no test phone or address is configured for this credential."


class OtherMode(DomainError):
    """A sending is sent again in the mode it was sent in, or not at all."""

    code = "other_mode"
    message = "This message was sent in another mode than the credential has now."
