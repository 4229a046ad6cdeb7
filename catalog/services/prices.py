"""Writes prices. A price is never edited: a change is another row, now or at a later moment."""

from datetime import datetime
from decimal import Decimal

from django.utils import timezone

from catalog.errors import PriceInThePast
from catalog.models import Price, PriceList, Product
from wallets.models import Customer


def set_price(
    *,
    product: Product | int,
    amount: Decimal | None,
    currency: str,
    price_list: PriceList | None = None,
    customer: Customer | None = None,
    effective_from: datetime | None = None,
    note: str = "",
    actor: str = "",
) -> Price:
    """Set what a product costs from a moment on (now by default), in `currency`.

    Without list or customer it is the base price; `amount=None` ends that level's price. Setting
    what holds at that moment anyway writes nothing and returns the row that holds.
    Raises PriceInThePast.
    """
    now = timezone.now()
    begins = effective_from or now
    if begins < now:
        raise PriceInThePast(effective_from=begins.isoformat())
    wanted = Price(
        product_id=product if isinstance(product, int) else product.pk,
        amount=amount, currency=currency, price_list=price_list, customer=customer,
        effective_from=begins, note=note, actor=actor,
    )  # fmt: skip
    holding = price_at(wanted, begins)
    if holding is not None and holding.amount == amount:
        return holding
    wanted.save(force_insert=True)
    return wanted


def price_at(like: Price, moment: datetime) -> Price | None:
    """The row that holds at `moment` for the product, level and currency of `like`."""
    return (
        Price.objects.filter(
            product=like.product_id, price_list=like.price_list_id, customer=like.customer_id, currency=like.currency,
            effective_from__lte=moment,
        )
        .newest_first()
        .first()
    )  # fmt: skip
