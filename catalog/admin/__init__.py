"""The back office of the catalogue: what is sold, and for how much."""

from catalog.admin import catalogue, rate_sheets, rates
from catalog.admin.catalogue import price_history

__all__ = ["catalogue", "price_history", "rate_sheets", "rates"]
