"""What is rented: number activations, the texts they receive, and the operator's own numbers."""

from activations.models.activation import Activation
from activations.models.message import InboundMessage
from activations.models.pool import PoolLease, PoolNumber
from activations.models.sandbox import SandboxNumber
from activations.models.smm import SandboxSmmOrder, SmmOrder
from activations.models.subscription import Subscription, SubscriptionPeriod

__all__ = [
    "Activation",
    "InboundMessage",
    "PoolLease",
    "PoolNumber",
    "SandboxNumber",
    "SandboxSmmOrder",
    "SmmOrder",
    "Subscription",
    "SubscriptionPeriod",
]
