"""Who is asking: the one answer authentication gives to every door."""

from dataclasses import dataclass

from wallets.models import Customer
from wallets.services import Buyer


@dataclass(frozen=True, slots=True)
class Credential:
    """Which customer, which wallet, which mode, which scopes. Holds nothing secret.

    `kind` is the word before the public id wherever an actor is named: `key:sgk_ab12`.
    In test mode messages go to `test_phone` and `test_email`, where the credential has them.
    """

    key_id: int
    public_id: str
    customer_id: int
    wallet_id: int
    currency: str
    mode: str
    scopes: frozenset[str]
    customer_status: str
    rate_limit_per_minute: int | None = None
    customer_rate_limit_per_minute: int | None = None
    kind: str = "key"
    test_phone: str = ""
    test_email: str = ""

    @property
    def actor(self) -> str:
        return f"{self.kind}:{self.public_id}"

    @property
    def may_spend(self) -> bool:
        return self.customer_status == Customer.Status.ACTIVE

    @property
    def buyer(self) -> Buyer:
        """The same as the services of what is sold want to know it."""
        return Buyer(
            customer_id=self.customer_id,
            wallet_id=self.wallet_id,
            currency=self.currency,
            mode=self.mode,
            credential=self.public_id,
            actor=self.actor,
        )
