"""Who pays, as every order must know it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Buyer:
    """A customer's wallet and the credential that spends from it.

    `mode` is live, test or dryrun; only live moves money. `actor` is that credential in words.
    """

    customer_id: int
    wallet_id: int
    currency: str
    mode: str = "live"
    credential: str = ""
    actor: str = ""

    @property
    def moves_money(self) -> bool:
        return self.mode == "live"
