"""What is shown is what is charged: whole lists and single quotes agree, for any catalogue."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from catalog.models import MarkupRule
from catalog.services import pricing
from catalog.tests.factories import (
    LONG_AGO,
    make_country,
    make_offer,
    make_price,
    make_price_list,
    make_rate,
    make_service,
)
from wallets.models import Customer

SERVICES, COUNTRIES, PROVIDERS = ("telegram", "whatsapp", "signal"), ("US", "GB", "KE"), ("first", "second")
CURRENCIES = ("USD", "NGN", "EUR")
MOMENT = LONG_AGO + timedelta(days=10)

amounts = st.decimals("0.000001", "5000", places=6).map(str)
offers = st.tuples(st.sampled_from(SERVICES), st.sampled_from(COUNTRIES), st.sampled_from(PROVIDERS))
prices = st.tuples(
    st.none() | amounts,
    st.sampled_from(CURRENCIES),
    st.sampled_from(("base", "list", "customer", "other list", "stranger")),
    st.integers(0, 20).map(lambda days: LONG_AGO + timedelta(days=days)),
)
catalogues = st.dictionaries(
    offers, st.tuples(st.lists(prices, max_size=4), st.booleans(), st.sampled_from((None, 0, 5))), max_size=10
)
rules = st.lists(
    st.fixed_dictionaries(
        {
            "percent": st.decimals("-99", "200", places=4),
            "fixed": st.decimals("-1", "1", places=6),
            "fixed_currency": st.sampled_from(CURRENCIES),
            "basis": st.sampled_from(("base", "cost")),
            "service": st.none() | st.sampled_from(SERVICES),
            "country": st.none() | st.sampled_from(COUNTRIES),
            "provider": st.sampled_from(("", *PROVIDERS)),
        }
    ),
    max_size=4,
)


class ListsAndQuotesAgree(TestCase):
    @settings(max_examples=25)
    @given(catalogues, rules, st.sampled_from((*CURRENCIES, "GHS")), st.decimals("0.01", "2000", places=6).map(str))
    def test_bulk_and_single_quotes_agree(self, catalogue, rules, currency, rate):
        customer = Customer.objects.create(name="Kilimo")
        build(customer, catalogue, rules, rate)
        by_service = pricing.cheapest_by_service(customer_id=customer.pk, currency=currency, at=MOMENT)
        cheapest = {}
        for slug in SERVICES:
            service = make_service(slug)
            by_country = pricing.cheapest_by_country(
                customer_id=customer.pk, service=service, currency=currency, at=MOMENT
            )
            for code in COUNTRIES:
                country = make_country(code)
                single = pricing.quote(
                    customer_id=customer.pk, service=service, country=country, currency=currency, at=MOMENT
                )
                shown = by_country.get(country.pk)
                assert facts(shown) == facts(single[0] if single else None)
                if single:
                    cheapest.setdefault(service.pk, []).append(single[0].amount)
        assert {key: quote.amount for key, quote in by_service.items()} == {
            key: min(values) for key, values in cheapest.items()
        }


def facts(quote):
    if quote is None:
        return None
    return (quote.offer.product_id, quote.amount, quote.original_amount, quote.rate, quote.source, quote.source_id)


def build(customer, catalogue, rules, rate):
    stranger = Customer.objects.create(name="Stranger")
    own, other = make_price_list("Own", customer), make_price_list("Other", stranger)
    levels = {
        "base": {},
        "list": {"price_list": own},
        "customer": {"customer": customer},
        "other list": {"price_list": other},
        "stranger": {"customer": stranger},
    }
    for base, quote in (("USD", "NGN"), ("EUR", "USD"), ("GHS", "USD")):
        make_rate(base, quote, rate)
    for (service, country, provider), (rows, is_active, stock) in catalogue.items():
        offer = make_offer(
            service, country, provider=provider, price=None, is_active=is_active, stock=stock, cost=Decimal("0.5")
        )
        for amount, currency, level, begins in rows:
            make_price(offer, amount, currency, effective_from=begins, **levels[level])
    for rule in rules:
        named = {
            "service": rule["service"] and make_service(rule["service"]),
            "country": rule["country"] and make_country(rule["country"]),
        }
        MarkupRule.objects.create(price_list=own, effective_from=LONG_AGO, **{**rule, **named})


@pytest.mark.django_db
def test_the_property_is_not_empty():
    """A control: the catalogues above do hold prices that both ways find."""
    customer = Customer.objects.create(name="Kilimo")
    build(customer, {("telegram", "US", "first"): ([("1", "USD", "base", LONG_AGO)], True, None)}, [], "2")
    quotes = pricing.cheapest_by_service(customer_id=customer.pk, currency="NGN", at=MOMENT)
    assert [quote.amount for quote in quotes.values()] == [Decimal(2)]
