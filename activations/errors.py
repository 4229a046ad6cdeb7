"""Why an activation could not be bought, asked or canceled."""

from config.errors import DomainError


class NoNumbersAvailable(DomainError):
    code = "no_numbers_available"
    message = "No numbers available. Nothing was charged."


class ProviderRefused(DomainError):
    """The provider said no. Nothing is held."""

    code = "provider_error"
    message = "The number could not be bought. Nothing was charged."


class RequestInProgress(DomainError):
    """The same order is being placed right now. Facts: `retry_after_seconds`."""

    code = "request_in_progress"
    message = "This request is still being processed."


class ActivationExpired(DomainError):
    code = "activation_expired"
    message = "The activation has expired. Nothing was charged."


class ActivationCanceled(DomainError):
    code = "activation_canceled"
    message = "The activation was canceled. Nothing was charged."


class ActivationFailed(DomainError):
    """There never was a number. Answered like an order that expired."""

    code = "activation_failed"
    message = "No number could be given. Nothing was charged."


class ActivationCompleted(DomainError):
    code = "activation_completed"
    message = "An SMS was received: the activation can no longer be canceled."
