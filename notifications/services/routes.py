"""Routes: what a customer's word for the way of a message means."""

from dataclasses import dataclass

from notifications.errors import RouteUnknown
from notifications.models import Channel, Route

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


def offered() -> list[tuple[str, Way]]:
    """Every channel and route that a customer may choose now, the house's own first."""
    rows = {(row.channel, row.name): row for row in Route.objects.order_by("channel", "name")}
    channels = (Channel.SMS, Channel.EMAIL)
    house = [(channel, way) for channel in channels for way in HOUSE.values() if (channel, way.name) not in rows]
    own = [
        (row.channel, Way(row.name, row.provider, row.priority, row.refund_undelivered))
        for row in rows.values()
        if row.channel in channels and row.is_active
    ]
    return sorted([*house, *own], key=lambda each: (channels.index(Channel(each[0])), each[1].name not in HOUSE))
