"""What the demo charges for SMS and e-mail."""

from decimal import Decimal

import pytest

from catalog.demo import ensure_demo_catalogue
from catalog.models import Country, Price, SmsDestination
from catalog.services.notifications import quote_email
from catalog.services.rates import rate_rows, rates_for
from wallets.models import Customer

pytestmark = [pytest.mark.django_db, pytest.mark.xdist_group("demo")]


@pytest.fixture
def customer(demo, db):
    return Customer.objects.create(name="Kilimo").pk


def test_the_references_numbers_cost_what_they_print(customer):
    printed = ["45879921", "6523478945", "7554684221"]
    rates = rates_for(customer_id=customer, currency="GBP", numbers=printed)
    assert [rate.destination for rate in rates] == ["Denmark Telenor", "Singapore ", "Russia "]
    assert {rate.amount for rate in rates} == {Decimal("0.45")}
    latvia = rate_rows(customer_id=customer, currency="GBP", country="Latvia")
    assert {rate.mnc for rate in latvia} > {None, "03", "05"}
    assert {(rate.mcc, rate.amount) for rate in latvia} == {("247", Decimal("0.4397"))}


def test_ghana_has_one_rate_for_all_networks_of_three_pesewas(customer):
    numbers = ["+233241234567", "+233201234567", "+233571234567"]
    (rate,) = set(rates_for(customer_id=customer, currency="GHS", numbers=numbers))
    assert (rate.amount, rate.destination) == (Decimal("0.03"), "Ghana ")


def test_every_wallet_has_a_rate_everywhere_and_an_e_mail_price(customer):
    numbers = [f"{country.dial_code}5550100" for country in Country.objects.exclude(dial_code="")]
    for currency in ("USD", "GBP", "GHS", "NGN"):
        assert all(rate.amount > 0 for rate in rates_for(customer_id=customer, currency=currency, numbers=numbers))
        assert quote_email(customer_id=customer, currency=currency).amount > 0
    # As the reference prints it.
    assert quote_email(customer_id=customer, currency="GHS").amount == Decimal("0.001")


def test_numbers_lead_to_their_network(customer):
    expected = {
        "+254711000000": "Kenya Safaricom",
        "+2348031234567": "Nigeria MTN",
        "+37129211111": "Latvia LMT",
        "+12025550143": "United States ",
        "+16045550100": "Canada ",
        "+447797123456": " ",  # Jersey is not sold: the default rate, not the United Kingdom's
    }
    rates = rates_for(customer_id=customer, currency="USD", numbers=list(expected))
    assert [rate.destination for rate in rates] == list(expected.values())


def test_the_demo_adds_only_missing_rates(customer):
    destinations, prices = SmsDestination.objects.count(), Price.objects.count()
    assert destinations > 300
    ensure_demo_catalogue()
    assert (SmsDestination.objects.count(), Price.objects.count()) == (destinations, prices)
