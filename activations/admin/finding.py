"""What the pages below are told about rentals (see config/admin.py)."""

import re
from typing import Any

from django.db.models import QuerySet

from activations.models import Activation
from wallets.models import Hold

WRITTEN = re.compile(r"[\s().-]+")


def phone_in(term: str) -> str:
    """The term as E.164, if it can be a whole number however it is written; else ""."""
    digits = WRITTEN.sub("", term).removeprefix("+")
    return f"+{digits}" if digits.isascii() and digits.isdigit() and 8 <= len(digits) <= 15 else ""


def customers_by_phone(term: str) -> "QuerySet[Any]":
    """Ids of the customers who rented this number, the latest hundred rentals."""
    phone = phone_in(term)
    rentals = Activation.objects.filter(phone=phone) if phone else Activation.objects.none()
    return rentals.order_by("-id").values("customer_id")[:100]


def open_order_of(hold: Hold) -> str:
    """The open activation that this hold pays for, in words; "" where there is none."""
    activation = Activation.objects.open().filter(hold=hold).select_related("service").first()
    return f"activation {activation}, {activation.get_status_display().lower()}" if activation else ""
