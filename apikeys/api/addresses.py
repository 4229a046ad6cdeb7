"""Where a request really comes from."""

from django.conf import settings
from django.http import HttpRequest

from apikeys.services import addresses


def client_address(request: HttpRequest) -> str:
    """The client's address, believing exactly as many proxies as NUM_PROXIES says.

    Each of our proxies appends whom it heard from; so the client is that many entries from the
    right, and whatever stands further left was written by the client itself. Without proxies the
    header is not read at all.
    """
    direct = str(request.META.get("REMOTE_ADDR") or "")
    if settings.NUM_PROXIES == 0:
        return direct
    entries = [entry.strip() for entry in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
    if len(entries) < settings.NUM_PROXIES:
        return direct
    address = addresses.parse(entries[-settings.NUM_PROXIES])
    return str(address) if address is not None else direct
