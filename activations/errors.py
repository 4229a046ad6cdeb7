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


class ActivationNotReceived(DomainError):
    code = "activation_not_received"
    message = "No SMS has been received: the activation cannot be finished."


class SmmOrderRefused(DomainError):
    """The provider said no. Everything was given back."""

    code = "provider_error"
    message = "The order could not be placed. Nothing was charged."


class ProviderSilent(DomainError):
    """The provider gave no answer to a question that may be asked again. Facts: `retry_after_seconds`."""

    code = "provider_unavailable"
    message = "The provider does not answer. Please try again."


class OrderNotCancelable(DomainError):
    """Its service cannot be stopped, the provider refuses, or it is over."""

    code = "order_not_cancelable"
    message = "This order cannot be canceled."


class OrderNotRefillable(DomainError):
    """Its service has no refills, nothing was delivered yet, or the provider refuses."""

    code = "order_not_refillable"
    message = "This order cannot be refilled."


class OrderDecided(DomainError):
    """What staff wanted to decide is decided already."""

    code = "order_decided"
    message = "What became of this order is already known."


class ProviderOrderTaken(DomainError):
    """Another order of ours has this number at the provider."""

    code = "provider_order_taken"
    message = "Another order has this number at the provider."


class SubscriptionInactive(DomainError):
    """It has ended: nothing about it changes any more. Facts: `id` and `status`."""

    code = "subscription_inactive"
    message = "The subscription is not active."


class RenewalNotDue(DomainError):
    """The current period still runs. Facts: `id`."""

    code = "renewal_not_due"
    message = "The current period is not over: there is nothing to renew yet."
