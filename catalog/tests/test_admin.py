"""Staff's pages: prices are added, sheets are previewed before they change anything."""

import csv
import io
from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from apikeys.models import User
from catalog.models import CustomerPricing, MarkupRule, Offer, Price, PriceList, Product, Service
from catalog.resources import OfferResource
from catalog.services.prices import set_price
from catalog.services.sheet_rows import safe_cell
from catalog.tests.factories import LONG_AGO, make_country, make_offer, make_price, make_price_list, make_service
from wallets.models import Customer

pytestmark = pytest.mark.django_db
HEADER = "service,country,provider,cost,price,currency,ttl_seconds,multiple_sms,is_active,effective_from"
IMPORT, CONFIRM = "admin:catalog_offer_import", "admin:catalog_offer_process_import"


@pytest.fixture
def staff(client):
    user = User.objects.create_superuser("ann@example.com")
    client.force_login(user)
    return client


@pytest.fixture
def clerk(client):
    """Staff who may look at offers, and nothing else."""
    user = User.objects.create_user("bob@example.com", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_offer"))
    client.force_login(user)
    return client


# --- Pages -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "model", ["country", "operator", "service", "offer", "price", "pricelist", "customerpricing", "markuprule"]
)
def test_every_list_opens_and_can_be_searched(staff, model):
    customer = Customer.objects.create(name="Kilimo")
    offer, retail = make_offer(), make_price_list("Retail", customer)
    make_price(offer, "0.1", customer=customer)
    offer.country.operators.create(name="Verizon", mcc="311", mnc="480")
    MarkupRule.objects.create(price_list=retail, service=offer.service, percent=10)
    url = reverse(f"admin:catalog_{model}_changelist")
    assert staff.get(url).status_code == 200
    assert staff.get(url, {"q": "a"}).status_code == 200


@pytest.mark.parametrize("model", ["operator", "service", "offer", "pricelist", "customerpricing", "markuprule"])
def test_what_staff_may_make_has_a_form(staff, model):
    assert staff.get(reverse(f"admin:catalog_{model}_add")).status_code == 200


@pytest.mark.parametrize("model", ["country", "price"])
def test_countries_and_prices_are_not_made_by_a_form(staff, model):
    assert staff.get(reverse(f"admin:catalog_{model}_add")).status_code == 403


def test_a_new_offer_becomes_a_product(staff):
    facts = {
        "service": make_service().pk, "country": make_country().pk, "provider": "sandbox", "cost": "0.05",
        "cost_currency": "USD", "ttl_seconds": 900, "is_active": "on",
    }  # fmt: skip
    assert staff.post(reverse("admin:catalog_offer_add"), facts).status_code == 302
    offer = Offer.objects.get()
    assert (offer.cost, offer.product.kind) == (Decimal("0.05"), Product.Kind.ACTIVATION)


def test_an_offer_shows_its_price_history_and_cannot_become_another_offer(staff):
    offer, customer = make_offer(price="0.15"), Customer.objects.create(name="Kilimo <script>")
    make_price(offer, "0.11", customer=customer, note="Negotiated")
    make_price(offer, "0.99", effective_from=timezone.now() + timedelta(days=3))
    page = staff.get(reverse("admin:catalog_offer_change", args=[offer.pk])).content.decode()
    for words in ("0.15 USD", "0.11 USD", "Negotiated", "(in force)", "(scheduled)", "Kilimo &lt;script&gt;"):
        assert words in page
    assert 'name="provider"' not in page
    assert "Kilimo <script>" not in page


def test_a_price_is_only_looked_at(staff):
    make_offer()
    url = reverse("admin:catalog_price_change", args=[Price.objects.get().pk])
    assert staff.get(url).status_code == 200
    assert staff.post(url, {"amount": "0.01"}).status_code == 403
    assert staff.post(reverse("admin:catalog_price_delete", args=[Price.objects.get().pk])).status_code == 403


def test_a_markup_rule_is_only_ended(staff):
    rule = MarkupRule.objects.create(price_list=make_price_list(), percent=10, effective_from=LONG_AGO)
    url = reverse("admin:catalog_markuprule_change", args=[rule.pk])
    ended = {"percent": "99", "effective_until_0": "2026-01-01", "effective_until_1": "00:00:00"}
    assert staff.post(url, ended).status_code == 302
    rule.refresh_from_db()
    assert (rule.percent, rule.effective_until.year) == (10, 2026)


def test_a_customer_is_put_on_a_list(staff):
    customer, retail = Customer.objects.create(name="Kilimo"), make_price_list("Retail")
    staff.post(reverse("admin:catalog_customerpricing_add"), {"customer": customer.pk, "price_list": retail.pk})
    assert CustomerPricing.objects.get().price_list == PriceList.objects.get(name="Retail")


# --- Adding a price ----------------------------------------------------------------------------


def dialog(offer):
    return reverse("admin:catalog_offer_add_price", args=[offer.pk])


def price_form(**facts):
    return {"_form_submitted": "on", "amount": "0.20", "currency": "USD", "note": "Dearer route", **facts}


def test_opening_the_dialog_changes_nothing(staff):
    offer = make_offer()
    assert staff.get(dialog(offer), price_form()).status_code == 200
    assert Price.objects.count() == 1


def test_a_price_is_added_with_who_and_why(staff):
    offer = make_offer(price="0.15")
    assert staff.post(dialog(offer), price_form()).status_code == 302
    price = Price.objects.latest("id")
    assert (price.amount, price.note, price.actor) == (Decimal("0.20"), "Dearer route", "staff:ann@example.com")
    assert "Dearer route" in LogEntry.objects.get().change_message
    assert Price.objects.count() == 2


def test_a_price_can_be_one_customers_or_one_lists(staff):
    offer, customer, retail = make_offer(), Customer.objects.create(name="Kilimo"), make_price_list("Retail")
    staff.post(dialog(offer), price_form(customer=customer.pk))
    staff.post(dialog(offer), price_form(price_list=retail.pk))
    assert Price.objects.filter(customer=customer).count() == Price.objects.filter(price_list=retail).count() == 1


def test_a_price_can_be_scheduled(staff):
    later = timezone.now() + timedelta(days=30)
    moment = {"effective_from_0": f"{later:%Y-%m-%d}", "effective_from_1": "00:00:00"}
    staff.post(dialog(make_offer()), price_form(**moment))
    assert Price.objects.latest("id").effective_from.date() == later.date()


@pytest.mark.parametrize(
    "facts",
    [
        {"amount": "0"},
        {"amount": "-1"},
        {"amount": "NaN"},
        {"amount": "1e30"},
        {"amount": "0.0000001"},
        {"currency": "usd"},
        {"note": ""},
        {"customer": "999999999999999999999"},
        {"customer": "x"},
        {"effective_from_0": "2020-01-01", "effective_from_1": "00:00:00"},
    ],
)
def test_a_price_that_makes_no_sense_is_refused_in_the_dialog(staff, facts):
    assert staff.post(dialog(make_offer()), price_form(**facts)).status_code == 200
    assert Price.objects.count() == 1


def test_a_price_is_never_for_a_list_and_a_customer(staff):
    both = {"customer": Customer.objects.create(name="Kilimo").pk, "price_list": make_price_list().pk}
    assert "not both" in staff.post(dialog(make_offer()), price_form(**both)).content.decode()
    assert Price.objects.count() == 1


def test_who_may_not_add_prices_cannot(clerk):
    offer = make_offer()
    assert clerk.post(dialog(offer), price_form()).status_code == 403
    assert Price.objects.count() == 1


# --- Sheets in ------------------------------------------------------------------------------------


def upload(client, *rows, header=HEADER):
    sheet = SimpleUploadedFile("offers.csv", "\n".join([header, *rows]).encode())
    return client.post(reverse(IMPORT), {"import_file": sheet, "format": "0"})


def confirm(client, preview):
    return client.post(reverse(CONFIRM), preview.context["confirm_form"].initial)


def test_the_preview_shows_what_changes_and_changes_nothing(staff):
    make_offer(price="0.15", cost=Decimal("0.09"))
    preview = upload(staff, "telegram,US,sandbox,0.09,0.20,USD,900,0,1,")
    assert preview.context["result"].totals["update"] == 1
    assert "<del" in preview.content.decode()
    assert Price.objects.count() == 1


def test_an_imported_price_is_a_new_row(staff):
    offer = make_offer(price="0.15", cost=Decimal("0.09"))
    before = timezone.now()
    confirm(staff, upload(staff, "telegram,US,sandbox,0.09,0.20,USD,900,0,1,"))
    old, new = Price.objects.order_by("id")
    assert (old.amount, new.amount) == (Decimal("0.15"), Decimal("0.20"))
    assert (new.product_id, new.actor, new.note) == (offer.pk, "staff:ann@example.com", "CSV import")
    assert new.effective_from >= before


def test_an_edited_export_holds_from_now_though_its_date_is_old(staff):
    make_offer(price="0.15")
    confirm(staff, upload(staff, "telegram,US,sandbox,0.09,0.20,USD,900,0,1,2020-01-01T00:00:00Z"))
    assert Price.objects.latest("id").effective_from > timezone.now() - timedelta(minutes=1)


def test_an_imported_price_can_be_scheduled_once(staff):
    make_offer(price="0.15", cost=Decimal("0.09"))
    row = "telegram,US,sandbox,0.09,0.20,USD,900,0,1,2999-01-01T00:00:00Z"
    confirm(staff, upload(staff, row))
    assert Price.objects.latest("id").effective_from.year == 2999
    assert upload(staff, row).context["result"].totals["skip"] == 1


def test_what_did_not_change_is_skipped(staff):
    make_offer(price="0.15", cost=Decimal("0.09"))
    preview = upload(staff, "telegram,US,sandbox,0.09,0.150,USD,900,0,1,")
    assert preview.context["result"].totals["skip"] == 1
    confirm(staff, preview)
    assert Price.objects.count() == 1


def test_empty_cells_change_nothing(staff):
    make_offer(price="0.15", cost=Decimal("0.09"), ttl_seconds=300)
    confirm(staff, upload(staff, "telegram,US,sandbox,,,,,,0,"))
    offer = Offer.objects.get()
    assert (offer.cost, offer.ttl_seconds, offer.is_active) == (Decimal("0.09"), 300, False)
    assert Price.objects.count() == 1


def test_a_new_offer_is_imported_with_its_price(staff):
    make_service("whatsapp"), make_country("GB")
    confirm(staff, upload(staff, "whatsapp,GB,sandbox,0.20,0.35,EUR,600,yes,true,"))
    offer = Offer.objects.get()
    assert (offer.service.slug, offer.country.code, offer.ttl_seconds, offer.multiple_sms) == (
        "whatsapp",
        "GB",
        600,
        True,
    )
    assert (offer.cost, offer.cost_currency) == (Decimal("0.20"), "EUR")
    assert str(Price.objects.get()) == "0.35 EUR"


def test_an_offer_can_have_a_price_in_each_of_several_currencies(staff):
    make_offer(price="0.15", cost=Decimal("0.09"))
    rows = ("telegram,US,sandbox,0.09,200,NGN,900,0,1,", "telegram,US,sandbox,0.09,0.15,USD,900,0,1,")
    confirm(staff, upload(staff, *rows))
    assert sorted(map(str, Price.objects.all())) == ["0.15 USD", "200 NGN"]


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("nothing,US,sandbox,0.09,0.20,USD,900,0,1,", "Unknown service: nothing."),
        ("telegram,ZZ,sandbox,0.09,0.20,USD,900,0,1,", "Unknown country: ZZ."),
        ("telegram,,sandbox,0.09,0.20,USD,900,0,1,", "Unknown country: (empty)."),
        ("telegram,US,sandbox,0.09,abc,USD,900,0,1,", "Not an amount"),
        ("telegram,US,sandbox,0.09,-1,USD,900,0,1,", "Not an amount"),
        ("telegram,US,sandbox,0.09,1e5,USD,900,0,1,", "Not an amount"),
        ("telegram,US,sandbox,0.09,NaN,USD,900,0,1,", "Not an amount"),
        ("telegram,US,sandbox,0.09,１,USD,900,0,1,", "Not an amount"),
        ("telegram,US,sandbox,0.09,0.0000001,USD,900,0,1,", "Not an amount"),
        ("telegram,US,sandbox,0.09,0,USD,900,0,1,", "A price is above zero."),
        ("telegram,US,sandbox,x,0.20,USD,900,0,1,", "Not an amount"),
        ("telegram,US,sandbox,0.09,0.20,usd,900,0,1,", "Not a currency"),
        ("telegram,US,sandbox,0.09,0.20,USD,9.5,0,1,", "Not a whole number."),
        ("telegram,US,sandbox,0.09,0.20,USD,0,0,1,", "greater than or equal to 1"),
        ("telegram,US,sandbox,0.09,0.20,USD,900,maybe,1,", "Neither 1 nor 0."),
        ("telegram,US,sandbox,0.09,0.20,USD,900,0,1,tomorrow", "Not a moment"),
        ("telegram,US,sandbox,0.09,0.20,USD,900,0,1,2026-02-31T00:00:00Z", "Not a moment"),
        ("telegram,US,Bad Word,0.09,0.20,USD,900,0,1,", "A provider is small letters"),
        ("telegram,US,other,0.09,0.20,,900,0,1,", "A price needs its currency."),
    ],
)
def test_a_bad_row_is_named_in_the_preview_and_nothing_is_imported(staff, row, says):
    make_offer(price="0.15", cost=Decimal("0.09"))
    preview = upload(staff, "telegram,US,sandbox,0.09,0.33,USD,900,0,1,", row)
    assert says in preview.content.decode()
    assert "confirm_form" not in preview.context
    assert (Price.objects.count(), Offer.objects.count()) == (1, 1)


def test_a_sheet_that_no_longer_fits_at_its_confirmation_imports_nothing(staff):
    make_offer(price="0.15")
    make_service("whatsapp")
    preview = upload(staff, "telegram,US,sandbox,0.09,0.33,USD,900,0,1,", "whatsapp,US,sandbox,0.09,1,USD,900,0,1,")
    Service.objects.filter(slug="whatsapp").delete()
    answer = confirm(staff, preview)
    assert answer.url == reverse(IMPORT)
    assert Price.objects.count() == 1


def test_a_sheet_without_its_key_columns_is_refused(staff):
    preview = upload(staff, "telegram,0.20", header="service,price")
    assert "lacks these columns: country, provider" in preview.content.decode()
    assert "confirm_form" not in preview.context


def test_a_binary_or_empty_sheet_is_refused_without_a_crash(staff):
    for content in (b"", b"\x00\xff\xfe\x00", b"service,country,provider\n\x00,\x00,\x00\n", b'"unclosed'):
        answer = staff.post(reverse(IMPORT), {"import_file": SimpleUploadedFile("x.csv", content), "format": "0"})
        assert answer.status_code == 200
    assert Offer.objects.count() == 0


def test_who_may_not_change_offers_cannot_import(clerk):
    assert clerk.get(reverse(IMPORT)).status_code == 403
    assert upload(clerk, "telegram,US,sandbox,0.09,0.20,USD,900,0,1,").status_code == 403
    assert clerk.post(reverse(CONFIRM), {}).status_code == 403


# --- Sheets out ------------------------------------------------------------------------------------


def exported():
    sheet = OfferResource().export()
    return list(csv.DictReader(io.StringIO(sheet.export("csv"))))


def test_the_export_holds_one_row_for_each_current_price():
    offer = make_offer(price="0.15", cost=Decimal("0.09"))
    make_price(offer, "200", "NGN")
    make_price(offer, "0.01", customer=Customer.objects.create(name="Kilimo"))
    set_price(product=offer.pk, amount=Decimal(9), currency="USD", effective_from=timezone.now() + timedelta(days=1))
    make_offer(country="GB", price=None)
    assert [(row["country"], row["price"], row["currency"]) for row in exported()] == [
        ("US", "200", "NGN"), ("US", "0.15", "USD"), ("GB", "", ""),
    ]  # fmt: skip


def test_an_export_imported_again_changes_nothing(staff):
    offer = make_offer(price="0.15", cost=Decimal("0.09"), multiple_sms=True)
    make_price(offer, "200", "NGN")
    make_offer(country="GB", price=None)
    answer = staff.post(reverse("admin:catalog_offer_export"), {"format": "0", "resource": "0"})
    rows = answer.content.decode().splitlines()
    preview = upload(staff, *rows[1:], header=rows[0])
    assert preview.context["result"].totals["skip"] == 3


def test_the_exported_file_quotes_every_cell(staff):
    make_offer(price="0.15")
    answer = staff.post(reverse("admin:catalog_offer_export"), {"format": "0", "resource": "0"})
    assert answer.status_code == 200
    for line in answer.content.decode().splitlines():
        assert line.startswith('"')
        assert line.endswith('"')


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "\n=1"])
def test_a_cell_that_a_spreadsheet_would_run_is_text(cell):
    assert safe_cell(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["telegram", "a=b", "1-2", "", "2026-01-01T00:00:00Z"])
def test_an_ordinary_cell_stays_as_it_is(cell):
    assert safe_cell(cell) == cell


def test_a_slug_that_looks_like_a_formula_is_exported_as_text():
    make_offer("-cmd", price="0.15", cost=Decimal("0.09"))
    (row,) = exported()
    assert (row["service"], row["price"], row["cost"]) == ("'-cmd", "0.15", "0.09")


def test_who_may_not_look_cannot_export(client):
    client.force_login(User.objects.create_user("eve@example.com", is_staff=True))
    assert client.get(reverse("admin:catalog_offer_export")).status_code == 403
