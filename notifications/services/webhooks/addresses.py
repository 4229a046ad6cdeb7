"""Where customers may have us connect to: public addresses only, judged at the moment of connecting.

A URL is judged when it is stored, which spares the customer a failure later; what protects the house is
`is_public`, asked of the very address a socket is opened to. Names are not looked at for that: they change.
"""

import ipaddress
import re
from ipaddress import IPv4Address, IPv6Address, IPv6Network

from django.conf import settings
from yarl import URL

from config.errors import InvalidInput

LONGEST = 2000
# A name of DNS, whose last label has a letter: `0x7f.1`, `127.1` and `2130706433` are addresses to some.
NAME = re.compile(r"\A(?=.{1,253}\Z)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?\Z")
HTTPS_PORT = 443
FIRST_UNPRIVILEGED_PORT = 1024
# All of IPv6 that is routed in the world; and the prefixes under which an IPv4 address hides.
GLOBAL_UNICAST = IPv6Network("2000::/3")
NAT64 = IPv6Network("64:ff9b::/96")
# Special by the IANA registries, and yet global to Python's `ipaddress` of some version.
NOT_PUBLIC = tuple(
    ipaddress.ip_network(network)
    for network in ("192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "240.0.0.0/4", "2001::/23", "3fff::/20")
)


def check_url(text: str) -> str:
    """The URL as it will be called. Raises InvalidInput where it can be none of a public https server."""
    complaint = _complaint(text)
    if complaint:
        raise InvalidInput({"url": [complaint]})
    return str(URL(text))


def may_call(text: str) -> bool:
    """Whether a stored URL may be called under today's settings."""
    return not _complaint(text)


def is_public(address: str) -> bool:
    """Whether the address is one of the open internet: what is inside an IPv6 form of IPv4 must be too."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:  # also `fe80::1%eth0`-like ones that no public host has
        return False
    if isinstance(parsed, IPv6Address):
        inner = _inside(parsed)
        if inner is not None:
            return is_public(str(inner))
        if parsed.scope_id is not None or parsed not in GLOBAL_UNICAST:
            return False
    special = any(parsed in network for network in NOT_PUBLIC if network.version == parsed.version)
    return parsed.is_global and not (parsed.is_multicast or parsed.is_reserved or special)


def may_connect(address: str) -> bool:
    """Whether a socket may be opened to it: public, or in development this very machine."""
    return is_public(address) or (settings.WEBHOOKS_TO_LOOPBACK and _is_loopback(address))


def _complaint(text: str) -> str:
    if len(text) > LONGEST or not text.isascii() or re.search(r"[\x00-\x20\x7f\\]", text):
        return f"A URL has at most {LONGEST} ASCII characters, and neither spaces nor backslashes."
    try:
        url = URL(text)
        host, port = url.raw_host, url.explicit_port
    except ValueError:
        return "This is not a URL."
    if url.raw_user is not None or url.raw_password is not None or "@" in url.raw_authority:
        return "A URL with a user name or password is not called."
    if not host:
        return "This is not a URL of a server."
    if settings.WEBHOOKS_TO_LOOPBACK and (host == "localhost" or _is_loopback(host)):
        return "" if url.scheme in {"http", "https"} else "Give an http or https URL."
    if url.scheme != "https":
        return "Give an https URL."
    if port is not None and port != HTTPS_PORT and port < FIRST_UNPRIVILEGED_PORT:
        return f"The port is {HTTPS_PORT}, or one from {FIRST_UNPRIVILEGED_PORT}."
    return _complaint_about_host(host.removesuffix("."))


def _complaint_about_host(host: str) -> str:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return "" if NAME.match(host.lower()) else "This host is not a public name."
    return "" if is_public(host) else "This address is not a public one."


def _inside(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that is meant: mapped, translated (RFC 6052), or tunnelled (6to4)."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.sixtofour


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
