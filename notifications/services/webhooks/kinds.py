"""The events customers can be told of."""

from collections.abc import Iterable

from config.errors import InvalidInput

SMSGIG_KIND = "activation.code_received"
MESSAGE_KINDS = (
    "message.queued", "message.sent", "message.delivered", "message.failed", "message.opened", "message.clicked",
    "message.bounced", "message.complained",
)  # fmt: skip
KINDS = (
    SMSGIG_KIND, "activation.expired", "activation.canceled",
    *MESSAGE_KINDS,
    "smm_order.updated",
    "subscription.activated", "subscription.renewed", "subscription.grace", "subscription.released",
    "subscription.expired", "subscription.canceled", "subscription.failed", "subscription.message_received",
    "wallet.low_balance", "wallet.deposited", "wallet.refunded",
    "template.approved", "template.rejected",
    "api_key.expiring",
)  # fmt: skip


def check_kinds(kinds: Iterable[str]) -> list[str]:
    """The kinds without repetition, in order. Raises InvalidInput for one that does not exist."""
    wanted = list(dict.fromkeys(kinds))
    unknown = [kind for kind in wanted if kind not in KINDS]
    if unknown:
        raise InvalidInput({"events": [f"There is no event {unknown[0][:64]}. There are: {', '.join(KINDS)}."]})
    return wanted
