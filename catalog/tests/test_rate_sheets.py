"""Sheets of rates: previewed, imported whole or not at all, and written so that they come back unchanged."""

import csv
import io
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from catalog.errors import InvalidSheet, SheetImported, SheetOutdated, SheetRefused
from catalog.models import Price, RateSheet, SmsDestination, SmsPrefix
from catalog.services.prices import set_price
from catalog.services.rate_sheets import import_sheet, plan_of, sheet_lines
from catalog.services.rates import rates_for
from catalog.tests.factories import make_country, make_destination, make_price_list
from wallets.models import Customer

pytestmark = pytest.mark.django_db
HEADER = "country,mcc,mnc,network,prefixes,price,currency,cost,cost_currency,active"
SHORT = "country,mcc,mnc,price,currency"


def sheet_of(*lines, header=HEADER, **facts):
    return RateSheet.objects.create(
        file_name="rates.csv", text="\n".join([header, *lines]), uploaded_by="staff:ann", **facts
    )


def imported(*lines, **facts):
    sheet = sheet_of(*lines, **facts)
    return import_sheet(sheet=sheet, fingerprint=plan_of(sheet).fingerprint, actor="staff:ann")


@pytest.fixture
def telenor():
    return make_destination(
        "DK", mcc="238", mnc="02", operator="Telenor", prefixes=["4530", "4540"], price="0.04", cost=Decimal("0.02")
    )


def amount_of(number, currency="USD", customer=None):
    customer = customer or Customer.objects.create(name="Kilimo")
    return rates_for(customer_id=customer.pk, currency=currency, numbers=[number])[0].amount


# --- The preview ------------------------------------------------------------------------------


def test_a_preview_tells_what_is_new_what_changes_and_from_what(telenor):
    make_country("LV")
    plan = plan_of(sheet_of(
        "DK,238,02,Telenor A/S,4530 4550,0.05,USD,0.03,,0",
        "LV,247,05,Bite,37126,0.06,USD,,,",
        ",,,,,0.2,USD,,,",
    ))  # fmt: skip
    (change,) = plan.changed
    assert (change.line, change.where) == (2, "DK Telenor A/S 238/02")
    assert change.says == (
        "network Telenor → Telenor A/S", "cost 0.02 → 0.03", "active yes → no", "prefixes +4550 −4540",
        "price 0.04 → 0.05 USD",
    )  # fmt: skip
    assert [(new.line, new.where, new.says[0]) for new in plan.new] == [
        (3, "LV Bite 247/05", "0.06 USD"), (4, "Everywhere else", "0.2 USD"),
    ]  # fmt: skip


def test_what_holds_already_and_empty_cells_change_nothing(telenor):
    plan = plan_of(sheet_of("DK,238,02,Telenor,4540 4530,0.040,USD,0.02,USD,1", "DK,238,02,,,,GHS,,,"))
    assert (plan.unchanged, plan.changed, plan.new, plan.wrong) == (2, [], [], [])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("ZZ,238,02,,,0.05,USD,,,", "Unknown country: ZZ"),
        ("DK,23,02,,,0.05,USD,,,", "3 digits: not 23"),
        ("DK,238,2,,,0.05,USD,,,", "leading zeros: not 2"),
        ("DK,٢٣٨,02,,,0.05,USD,,,", "3 digits"),
        (",238,,,,0.05,USD,,,", "default row"),
        ("DK,238,02,,,0,05,USD,,,", "columns"),
        ("DK,238,02,,,-1,USD,,,", "no amount"),
        ("DK,238,02,,,1e3,USD,,,", "no amount"),
        ("DK,238,02,,,0.0000001,USD,,,", "no amount"),
        ("DK,238,02,,,0,USD,,,", "above zero"),
        ("DK,238,02,,,0.05,usd,,,", "USD: not usd"),
        ("DK,238,02,,,0.05,,,,", "not empty"),
        ("DK,238,02,,45x,0.05,USD,,,", "not 45x"),
        ("DK,238,02,,0045,0.05,USD,,,", "not 0045"),
        ("DK,238,02,,,0.05,USD,,,maybe", "not maybe"),
        ("DK,238,99,,,,USD,,,", "needs a price"),
        (f"DK,238,99,{'x' * 101},,1,USD,,,", "at most 100"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(telenor, line, reason):
    (wrong,) = plan_of(sheet_of("DK,238,02,,,0.05,USD,,,", line)).wrong
    assert wrong.line == 3
    assert reason in wrong.reason


def test_a_destination_or_a_prefix_twice_is_wrong(telenor):
    plan = plan_of(sheet_of(
        "DK,238,02,,4530,0.05,USD,,,", "DK,238,02,,,0.06,USD,,,", "DK,238,,,4530,0.06,USD,,,",
    ))  # fmt: skip
    assert [(wrong.line, wrong.reason[:7]) for wrong in plan.wrong] == [(3, "Line 2 "), (4, "Line 2 ")]


@pytest.mark.parametrize("text", ["", "hello", "country,mcc", f"{HEADER},colour", f"{SHORT},price", 'a"b\n"'])
def test_what_is_no_sheet_is_refused(text):
    with pytest.raises(InvalidSheet):
        plan_of(RateSheet(text=text))


def test_semicolons_as_excel_writes_them_are_read(telenor):
    plan = plan_of(sheet_of("DK;238;02;0.05;USD", header=SHORT.replace(",", ";")))
    assert len(plan.changed) == 1


# --- The import -------------------------------------------------------------------------------


def test_an_import_does_what_the_preview_said(telenor):
    make_country("LV")
    sheet = imported("DK,238,02,Sonofon,4530 4550,0.05,USD,0.03,USD,1", "LV,247,05,Bite,37126,0.06,USD,,,")
    telenor.refresh_from_db()
    assert (telenor.operator, telenor.cost) == ("Sonofon", Decimal("0.03"))
    assert [prefix.digits for prefix in telenor.prefixes.all()] == ["4530", "4550"]
    assert (amount_of("4550123456"), amount_of("37126000000")) == (Decimal("0.05"), Decimal("0.06"))
    assert (sheet.added, sheet.changed, sheet.unchanged, sheet.imported_by) == (1, 1, 0, "staff:ann")
    newest = Price.objects.latest("id")
    assert (newest.note, newest.actor) == ("Rate sheet", "staff:ann")


def test_one_destination_may_be_new_in_two_currencies():
    make_country("LV")
    imported("LV,247,05,Bite,37126,0.06,USD,,,", "LV,247,05,,,0.05,GBP,,,")
    assert (amount_of("37126000000"), amount_of("37126000000", "GBP")) == (Decimal("0.06"), Decimal("0.05"))
    assert SmsDestination.objects.count() == 1


def test_a_sheet_with_one_wrong_line_changes_nothing(telenor):
    with pytest.raises(SheetRefused):
        imported("DK,238,02,,,0.05,USD,,,", "DK,238,xx,,,0.05,USD,,,")
    assert amount_of("4530123456") == Decimal("0.04")
    assert RateSheet.objects.get().imported_at is None


def test_a_sheet_is_imported_once(telenor):
    sheet = imported("DK,238,02,,,0.05,USD,,,")
    with pytest.raises(SheetImported):
        import_sheet(sheet=sheet, fingerprint=plan_of(sheet).fingerprint, actor="staff:ann")
    assert Price.objects.count() == 2


def test_an_import_of_another_preview_is_refused(telenor):
    sheet = sheet_of("DK,238,02,,,0.05,USD,,,")
    shown = plan_of(sheet).fingerprint
    set_price(product=telenor.pk, amount=Decimal("0.07"), currency="USD")
    with pytest.raises(SheetOutdated):
        import_sheet(sheet=sheet, fingerprint=shown, actor="staff:ann")
    assert amount_of("4530123456") == Decimal("0.07")


def test_prices_begin_at_the_sheets_moment(telenor):
    tomorrow = timezone.now() + timedelta(days=1)
    imported("DK,238,02,,,0.05,USD,,,", effective_from=tomorrow)
    assert amount_of("4530123456") == Decimal("0.04")
    customer = Customer.objects.create(name="Later")
    facts = {"customer_id": customer.pk, "currency": "USD", "numbers": ["4530123456"]}
    assert rates_for(**facts, at=tomorrow + timedelta(minutes=1))[0].amount == Decimal("0.05")


def test_a_moment_that_has_passed_means_now(telenor):
    imported("DK,238,02,,,0.05,USD,,,", effective_from=timezone.now() - timedelta(days=1))
    assert Price.objects.latest("id").effective_from > timezone.now() - timedelta(minutes=1)


def test_a_price_is_ended_by_its_word(telenor):
    default = make_destination(price="0.2")
    imported("DK,238,02,,,none,USD,,,")
    customer = Customer.objects.create(name="Kilimo")
    assert rates_for(customer_id=customer.pk, currency="USD", numbers=["4530123456"])[0].product_id == default.pk


def test_sheets_of_lists_and_customers_price_for_them_alone(telenor):
    listed, own = Customer.objects.create(name="Listed"), Customer.objects.create(name="Own")
    imported("DK,238,02,Ignored,4599,0.03,USD,9,,0", price_list=make_price_list("Resellers", listed))
    imported("DK,238,02,,,0.01,USD,,,", customer=own)
    amounts = [amount_of("4530123456", customer=customer) for customer in (listed, own, None)]
    assert amounts == [Decimal("0.03"), Decimal("0.01"), Decimal("0.04")]
    telenor.refresh_from_db()
    assert (telenor.operator, telenor.is_active) == ("Telenor", True)


def test_a_list_cannot_price_what_is_not_sold_yet(telenor):
    (wrong,) = plan_of(sheet_of("DK,238,99,,,0.03,USD,,,", price_list=make_price_list())).wrong
    assert "base prices" in wrong.reason


def test_a_prefix_moves_to_the_destination_that_a_sheet_gives_it(telenor):
    imported("DK,238,,,45 4540,0.05,USD,,,")
    assert SmsPrefix.objects.get(digits="4540").destination_id != telenor.pk


# --- The export -------------------------------------------------------------------------------


def exported(**level):
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL).writerows(sheet_lines(**level))
    return out.getvalue()


def test_an_exported_sheet_comes_back_unchanged(telenor):
    make_destination(price="0.2"), make_destination("LV", mcc="247", price=None)
    risky = make_destination("KE", mcc="639", mnc="07", operator="=cmd|' /C calc'!A0", price="0.01")
    set_price(product=risky.pk, amount=Decimal("0.5"), currency="GHS")
    text = exported()
    assert "\"'=cmd" in text
    plan = plan_of(RateSheet(text=text))
    assert (plan.unchanged, plan.changed, plan.new, plan.wrong) == (5, [], [], [])


def test_a_lists_export_holds_its_own_prices_alone(telenor):
    price_list = make_price_list()
    make_destination("LV", mcc="247")
    set_price(product=telenor.pk, amount=Decimal("0.03"), currency="USD", price_list=price_list)
    assert [line[5:7] for line in sheet_lines(price_list=price_list)] == [["price", "currency"], ["0.03", "USD"]]
