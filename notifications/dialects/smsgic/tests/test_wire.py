"""How SMSGIC's fields are read, and how a calculation is written."""

import json
from decimal import Decimal
from types import SimpleNamespace

import pytest

from catalog.services.rates import Rate
from config.errors import InvalidInput
from notifications.dialects.smsgic import asked, base, shown
from notifications.services import Calculation, Line

ONE = Decimal(1)


def rate(country="Denmark", operator="Telenor", amount="0.45") -> Rate:
    amount = Decimal(amount)
    return Rate(1, 1, country, operator, "238", None, amount, "GBP", amount, "GBP", ONE, amount, "GBP")


def line(number: str, of: Rate, segments: int = 1, tax: str = "0") -> Line:
    return Line(number, of, segments, of.amount * segments + Decimal(tax), Decimal(tax))


def calculation(*lines: Line) -> dict:
    tax = sum((each.tax for each in lines), Decimal(0))
    total = sum((each.price for each in lines), Decimal(0))
    return json.loads(shown.calculation(Calculation(list(lines), 1, total - tax, tax, total)), parse_float=Decimal)


def test_a_calculation_is_written_as_printed():
    assert calculation(line("45879921", rate())) == {
        "calculate": {
            "info": {"sms_count": 1, "subtotal": Decimal("0.45"), "total": Decimal("0.45"), "tax": 0},
            "destinations": [
                {
                    "numbers": [
                        {
                            "phone_number": 45879921,
                            "destination": "Denmark Telenor",
                            "sms": 1,
                            "rate": Decimal("0.45"),
                            "total": Decimal("0.45"),
                        }
                    ],
                    "destination": "Denmark Telenor",
                    "sms_count": 1,
                    "price": Decimal("0.45"),
                    "total": Decimal("0.45"),
                }
            ],
        }
    }


def test_destinations_come_in_the_order_they_appear_each_with_all_its_numbers():
    denmark, singapore = rate(), rate("Singapore", "")
    found = calculation(line("45879921", denmark), line("6523478945", singapore), line("45879922", denmark))
    groups = found["calculate"]["destinations"]
    assert [group["destination"] for group in groups] == ["Denmark Telenor", "Singapore "]
    assert [each["phone_number"] for each in groups[0]["numbers"]] == [45879921, 45879922]


def test_sums_are_exact_and_tax_is_in_the_total():
    found = calculation(*(line(f"4587992{n}", rate(amount="0.1"), segments=2, tax="0.03") for n in range(3)))
    (group,) = found["calculate"]["destinations"]
    assert (group["price"], group["total"], group["sms_count"]) == (Decimal("0.6"), Decimal("0.69"), 6)
    assert found["calculate"]["info"] == {
        "sms_count": 6, "subtotal": Decimal("0.6"), "total": Decimal("0.69"), "tax": Decimal("0.09"),
    }  # fmt: skip


def test_one_destination_at_two_prices_shows_both():
    found = calculation(line("45879921", rate()), line("45879922", rate(amount="0.000001")))
    (group,) = found["calculate"]["destinations"]
    assert [each["rate"] for each in group["numbers"]] == [Decimal("0.45"), Decimal("0.000001")]


@pytest.mark.parametrize(("number", "shown_as"), [("00045879921", 45879921), ("9" * 20, int("9" * 20)), ("0" * 8, 0)])
def test_a_number_is_an_integer_whatever_it_begins_with(number, shown_as):
    found = calculation(line(number, rate()))
    assert found["calculate"]["destinations"][0]["numbers"][0]["phone_number"] == shown_as


def test_a_name_cannot_break_out_of_its_text():
    found = calculation(line("45879921", rate('"}]', "\\\n☃")))
    assert found["calculate"]["destinations"][0]["destination"] == '"}] \\\n☃'


@pytest.mark.parametrize(("available", "told"), [("450", "450.000"), ("0.0019", "0.001"), ("-0.0001", "-0.001")])
def test_a_balance_is_never_more_than_there_is(available, told):
    wallet = SimpleNamespace(available=Decimal(available), currency="GBP")
    assert shown.balance(wallet) == {"balance": told, "sign": "£", "code": "GBP"}


def test_a_currency_without_a_sign_of_its_own_shows_its_code():
    assert shown.balance(SimpleNamespace(available=ONE, currency="XYZ"))["sign"] == "XYZ"


def test_the_errors_of_a_sending_are_under_message_whatever_the_field():
    with pytest.raises(InvalidInput) as refusal:
        asked.wanted({"message": "x", "sender": "INFO"})
    assert asked.under_message(refusal.value.errors) == {
        "message": [asked.NO_RECIPIENTS], "recipients": [asked.NO_RECIPIENTS],
    }  # fmt: skip


def test_a_moment_that_is_past_or_missing_is_now():
    sent = {"message": "x", "sender": "INFO", "recipients": ["45879921"]}
    for past in ("2023-08-22 09:03:42", "", None):
        assert asked.wanted(sent | {"scheduled_at": past}).scheduled_at is None
    assert asked.wanted(sent | {"scheduled_at": "2999-08-22 09:03:42"}).scheduled_at.isoformat() == (
        "2999-08-22T09:03:42+00:00"
    )


@pytest.mark.parametrize(
    ("path", "is_ours"),
    [("/balance", True), ("/sendings/301", True), ("/rates/", True), ("/status", False), ("/balances", False),
     ("/api/v2", False)],
)  # fmt: skip
def test_its_paths_are_its_own(path, is_ours):
    assert bool(base.PATHS.match(path)) is is_ours
