"""The price history: written once, never changed, by whoever."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from catalog.errors import PriceInThePast
from catalog.models import MarkupRule, Offer, Operator, Price, Product, Service
from catalog.services.offers import create_offer
from catalog.services.prices import set_price
from catalog.tests.factories import LONG_AGO, make_country, make_offer, make_price, make_price_list, make_service
from wallets.models import Customer

pytestmark = pytest.mark.django_db


def refused(constraint, act):
    with pytest.raises(DatabaseError, match=constraint), transaction.atomic():
        act()


def test_a_new_price_is_a_new_row_and_the_old_one_stays():
    offer = make_offer(price="0.15")
    set_price(product=offer.pk, amount=Decimal("0.20"), currency="USD", note="Dearer route", actor="staff:ann")
    assert list(offer.product.prices.values_list("amount", flat=True)) == [Decimal("0.20"), Decimal("0.15")]


def test_setting_the_price_that_holds_writes_nothing():
    offer = make_offer(price="0.15")
    first = Price.objects.get()
    assert set_price(product=offer.product, amount=Decimal("0.150"), currency="USD") == first
    assert Price.objects.count() == 1


def test_setting_a_scheduled_price_again_writes_nothing():
    offer, later = make_offer(price="0.15"), timezone.now() + timedelta(days=7)
    first = set_price(product=offer.pk, amount=Decimal("0.20"), currency="USD", effective_from=later)
    assert set_price(product=offer.pk, amount=Decimal("0.20"), currency="USD", effective_from=later) == first


def test_a_price_cannot_begin_in_the_past():
    offer = make_offer()
    with pytest.raises(PriceInThePast):
        set_price(
            product=offer.pk, amount=Decimal(1), currency="USD", effective_from=timezone.now() - timedelta(minutes=1)
        )
    assert Price.objects.count() == 1


def test_levels_do_not_touch_each_other():
    offer, customer = make_offer(price="0.15"), Customer.objects.create(name="Kilimo")
    set_price(product=offer.pk, amount=Decimal("0.15"), currency="USD", customer=customer)
    set_price(product=offer.pk, amount=Decimal("0.15"), currency="USD", price_list=make_price_list())
    assert Price.objects.count() == 3


# --- Around the services -------------------------------------------------------------------


def test_the_database_refuses_to_change_a_price():
    make_offer()
    refused("add another price", lambda: Price.objects.update(amount=Decimal("0.01")))
    refused("add another price", lambda: Price.objects.update(note="never happened"))
    assert Price.objects.get().amount == Decimal("0.15")


def test_the_database_refuses_to_delete_a_price():
    make_offer()
    refused("add another price", lambda: Price.objects.all().delete())
    refused("add another price", lambda: connection.cursor().execute("DELETE FROM catalog_price"))


def test_the_database_refuses_to_empty_the_history():
    refused("kept for ever", lambda: connection.cursor().execute("TRUNCATE catalog_price"))


def test_a_markup_rule_can_be_ended_but_not_changed_or_deleted():
    rule = MarkupRule.objects.create(price_list=make_price_list(), percent=10, effective_from=LONG_AGO)
    refused("write another rule", lambda: MarkupRule.objects.update(percent=20))
    refused("write another rule", lambda: MarkupRule.objects.update(service=make_service()))
    refused("end it instead", lambda: MarkupRule.objects.all().delete())
    rule.effective_until = timezone.now()
    rule.save()
    assert MarkupRule.objects.get().effective_until == rule.effective_until


@pytest.mark.parametrize("amount", ["0", "-1"])
def test_a_price_is_above_zero(amount):
    offer = make_offer(price=None)
    refused("price_above_zero", lambda: make_price(offer, amount))


def test_a_price_is_of_a_list_or_of_a_customer_not_of_both():
    offer, customer = make_offer(), Customer.objects.create(name="Kilimo")
    both = {"price_list": make_price_list(), "customer": customer}
    refused("price_of_a_list_or_of_a_customer", lambda: make_price(offer, "1", **both))


def test_there_is_one_default_price_list():
    make_price_list("First", is_default=True)
    refused("price_list_one_default", lambda: make_price_list("Second", is_default=True))


def test_a_provider_offers_a_service_in_a_country_once():
    make_offer()
    refused("offer_unique_per_service_country_provider", make_offer)
    assert (Offer.objects.count(), Product.objects.count()) == (1, 1)


@pytest.mark.parametrize(
    ("constraint", "facts"),
    [
        ("offer_provider_word", {"provider": "Not A Word"}),
        ("offer_cost_not_negative", {"cost": -1}),
        ("offer_cost_currency_iso", {"cost_currency": "usd"}),
        ("offer_ttl_positive", {"ttl_seconds": 0}),
    ],
)
def test_an_offers_facts_make_sense(constraint, facts):
    facts = {"service": make_service(), "country": make_country(), "provider": "sandbox", **facts}
    refused(constraint, lambda: create_offer(**facts))


def test_a_services_quantities_are_in_order():
    refused(
        "service_quantities_in_order",
        lambda: Service.objects.create(name="x", slug="x", min_quantity=5, max_quantity=4),
    )


@pytest.mark.parametrize(("mcc", "mnc"), [("31", "01"), ("310", "1"), ("31a", "01"), ("٣١٠", "01")])
def test_an_operators_codes_are_ascii_digits_of_the_right_length(mcc, mnc):
    country = make_country()
    with pytest.raises(IntegrityError), transaction.atomic():
        Operator.objects.create(country=country, name="x", mcc=mcc, mnc=mnc)
