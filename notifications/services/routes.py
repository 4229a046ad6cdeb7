"""Routes: what a customer's word for the way of a message means."""

from dataclasses import dataclass

from notifications.errors import RouteUnknown
from notifications.models import Route

REGULAR, OTP = "regular", "otp"
# Other words for one of them.
SAME_AS = {"": REGULAR, "default": REGULAR}


@dataclass(frozen=True)
class Way:
    """How messages of a route travel. Without a provider, the sender's own carries them."""

    name: str
    provider: str = ""
    priority: int = Route.Priority.REGULAR
    refund_undelivered: bool = False


# Where no row says otherwise.
HOUSE = {
    REGULAR: Way(REGULAR),
    OTP: Way(OTP, priority=Route.Priority.URGENT, refund_undelivered=True),
}


def way_of(channel: str, word: str) -> Way:
    """The route that `word` means on a channel; `default` is the regular one. Raises RouteUnknown."""
    name = SAME_AS.get(word, word)
    row = Route.objects.filter(channel=channel, name=name).first()
    if row is None and name in HOUSE:
        return HOUSE[name]
    if row is None or not row.is_active:
        raise RouteUnknown(route=word)
    return Way(name, row.provider, row.priority, row.refund_undelivered)
