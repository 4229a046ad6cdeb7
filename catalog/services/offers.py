"""Writes offers: each is a product first."""

from typing import Any

from django.db import transaction

from catalog.models import Country, Offer, Product, Service


@transaction.atomic
def create_offer(*, service: Service, country: Country, provider: str, **facts: Any) -> Offer:
    """Offer `service` in `country` through `provider`; `facts` are further columns of the offer.

    Repeating it violates `offer_unique_per_service_country_provider`.
    """
    return save_offer(Offer(service=service, country=country, provider=provider, **facts))


@transaction.atomic
def save_offer(offer: Offer) -> Offer:
    """Save an offer, new or changed; a new one becomes a product."""
    if offer.product_id is None:
        offer.product = Product.objects.create(kind=Product.Kind.ACTIVATION)
    offer.save()
    return offer


@transaction.atomic
def create_offers(offers: list[Offer]) -> list[Offer]:
    """Save many new offers in two statements."""
    products = Product.objects.bulk_create(Product(kind=Product.Kind.ACTIVATION) for _ in offers)
    for offer, product in zip(offers, products, strict=True):
        offer.product = product
    return Offer.objects.bulk_create(offers)
