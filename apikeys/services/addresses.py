"""Client addresses: which networks a key allows, and how failures are grouped."""

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def parse(text: str) -> Address | None:
    """The address, an IPv4 one unwrapped from IPv6; None for anything else."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def is_allowed(address: str, networks: list[str]) -> bool:
    """Whether the address lies in one of the networks; an empty list allows every address."""
    if not networks:
        return True
    found = parse(address)
    return found is not None and any(found in ipaddress.ip_network(network) for network in networks)


def canonical_network(text: str) -> str:
    """`10.0.0.7/8` → `10.0.0.0/8`, `10.0.0.7` → `10.0.0.7/32`. Raises ValueError."""
    if "%" in text:
        raise ValueError("A zone means something on one machine only.")
    return str(ipaddress.ip_network(text.strip(), strict=False))


def neighbourhood(address: str) -> str:
    """What failures are counted by: an IPv4 address, or an IPv6 /64, which one client has whole."""
    found = parse(address)
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found or "unknown")
