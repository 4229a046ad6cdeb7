"""What the search boxes understand. Every look-up goes by an index or reads a small table."""

import uuid
from collections.abc import Callable
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.module_loading import import_string

from config.admin import CUSTOMER_FINDERS
from wallets.models import Customer, Wallet

FOUND_AT_MOST = 100
Finder = Callable[[str], "QuerySet[Any]"]


def number_in(term: str) -> int | None:
    """A row's number: ASCII digits, with or without #, small enough to be one."""
    digits = term.removeprefix("#")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 18 else None


def uuid_in(term: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(term)
    except ValueError:
        return None


def by_number_or_uuid(term: str) -> Q:
    """The row with this number or this uuid; nothing where the term is neither."""
    number, found = number_in(term), uuid_in(term)
    if number is not None:
        return Q(pk=number)
    return Q(uuid=found) if found else Q(pk__in=())


def customers(term: str) -> QuerySet[Customer]:
    """Customers by number, uuid, or a part of their name or e-mail address."""
    words = Q(name__icontains=term) | Q(email__icontains=term)
    return Customer.objects.filter(by_number_or_uuid(term) | words)


def customers_by_anything(term: str) -> Q:
    """As `customers`, and by what the apps above know of them (a number they rented)."""
    found = Q(pk__in=customers(term).values("pk"))
    for path in CUSTOMER_FINDERS:
        finder: Finder = import_string(path)
        found |= Q(pk__in=finder(term))
    return found


def wallet_ids(term: str) -> list[int]:
    """The wallets of the customers that a search means, by anything that is known of them."""
    found = Customer.objects.filter(customers_by_anything(term)).values_list("pk", flat=True)[:FOUND_AT_MOST]
    return list(Wallet.objects.filter(customer_id__in=list(found)).values_list("pk", flat=True))


def customer_ids(term: str) -> list[int]:
    """The customers a filter means, a bounded number of them."""
    return list(customers(term).values_list("pk", flat=True)[:FOUND_AT_MOST])
