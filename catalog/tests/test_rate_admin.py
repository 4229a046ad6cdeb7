"""Staff's pages of rates: a sheet is looked at before it is imported, and taken home."""

import csv
import io
from decimal import Decimal

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from apikeys.models import User
from catalog.models import Price, RateSheet, SmsDestination
from catalog.services import sheet_rows
from catalog.services.prices import set_price
from catalog.tasks import import_rate_sheets
from catalog.tests.factories import make_country, make_destination, make_price_list
from wallets.models import Customer

pytestmark = pytest.mark.django_db
UPLOAD, EXPORT = "admin:catalog_ratesheet_add", "admin:catalog_smsdestination_sheet"
HEADER = "country,mcc,mnc,network,prefixes,price,currency"


@pytest.fixture
def staff(client):
    client.force_login(User.objects.create_superuser("ann@example.com"))
    return client


@pytest.fixture
def clerk(client):
    """Staff who may look at rates and sheets, and nothing else."""
    user = User.objects.create_user("bob@example.com", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=("view_smsdestination", "view_ratesheet")))
    client.force_login(user)
    return client


@pytest.fixture
def telenor():
    return make_destination("DK", mcc="238", mnc="02", operator="Telenor", prefixes=["4530"], price="0.04")


def upload(client, *lines, header=HEADER, raw=None, **facts):
    content = raw if raw is not None else "\n".join([header, *lines]).encode()
    file = SimpleUploadedFile("rates.csv", content, "text/csv")
    return client.post(reverse(UPLOAD), {"file": file, **facts}, follow=True)


def confirm(client, page):
    form = page.context
    answer = client.post(form["import_url"], {"fingerprint": form["plan"].fingerprint}, follow=True)
    import_rate_sheets()
    return client.get(answer.request["PATH_INFO"]) if answer.status_code == 200 else answer


def test_a_sheet_is_shown_before_it_changes_anything(staff, telenor):
    make_country("LV")
    page = upload(staff, "DK,238,02,,,0.05,USD", "LV,247,05,Bite,37126,0.06,USD")
    text = page.content.decode()
    assert "price 0.04 → 0.05 USD" in text
    assert "Import 2 changes" in text
    assert (Price.objects.count(), SmsDestination.objects.count()) == (1, 1)


def test_confirming_imports_it_and_leaves_a_log_entry(staff, telenor):
    page = confirm(staff, upload(staff, "DK,238,02,,,0.05,USD"))
    assert "0 new, 1 changed, 0 unchanged" in page.content.decode()
    assert Price.objects.latest("id").actor == "staff:ann@example.com"
    assert RateSheet.objects.get().imported_by == "staff:ann@example.com"
    assert "Confirmed" in LogEntry.objects.latest("pk").change_message


def test_until_it_is_imported_the_page_says_so_and_asks_again(staff, telenor):
    page = upload(staff, "DK,238,02,,,0.05,USD")
    fingerprint = page.context["plan"].fingerprint
    for _ in range(2):
        waiting = staff.post(page.context["import_url"], {"fingerprint": fingerprint}, follow=True)
    assert "It is being imported" in waiting.text
    assert 'http-equiv="refresh"' in waiting.text
    assert "import-sheet" not in waiting.text
    assert Price.objects.count() == 1


def test_a_sheet_of_too_many_lines_is_refused_at_the_upload(staff, telenor, monkeypatch):
    monkeypatch.setattr(sheet_rows, "MOST_LINES", 2)
    refused = upload(staff, *["DK,238,02,,,0.05,USD"] * 3)
    assert "at most 2 lines" in str(refused.context["adminform"].form.errors["file"])


def test_wrong_lines_are_listed_and_nothing_can_be_imported(staff, telenor):
    page = upload(staff, "DK,238,02,,,0.05,USD", "DK,238,02x,,,0.05,USD")
    text = page.content.decode()
    assert "leading zeros: not 02x" in text
    assert "import-sheet" not in text
    assert "nothing was imported" in confirm(staff, page).content.decode()
    assert Price.objects.count() == 1


def test_a_preview_that_is_outdated_is_not_imported(staff, telenor):
    page = upload(staff, "DK,238,02,,,0.05,USD")
    set_price(product=telenor.pk, amount=Decimal("0.07"), currency="USD")
    assert "The rates changed since this preview" in confirm(staff, page).content.decode()
    assert Price.objects.latest("id").amount == Decimal("0.07")


@pytest.mark.parametrize("raw", [b"\xff\xfe\x00", b"", b"hello", HEADER.encode() + b"\n\x00", b"country,mcc"])
def test_what_is_no_sheet_is_refused_at_the_upload(staff, raw):
    assert upload(staff, raw=raw).context["adminform"].form.errors["file"]
    assert not RateSheet.objects.exists()


def test_a_sheet_is_for_a_list_or_for_a_customer(staff, telenor):
    customer, price_list = Customer.objects.create(name="Kilimo"), make_price_list()
    both = upload(staff, "DK,238,02,,,0.05,USD", customer=customer.pk, price_list=price_list.pk)
    assert both.context["adminform"].form.errors["customer"]
    confirm(staff, upload(staff, "DK,238,02,,,0.05,USD", customer=customer.pk))
    assert Price.objects.latest("id").customer == customer


def test_what_a_sheet_says_is_shown_as_text(staff, telenor):
    page = upload(staff, "DK,238,02,<script>alert(1)</script>,,0.05,USD", "<b>ZZ</b>,238,,,,1,USD")
    text = page.content.decode()
    assert "<script>alert" not in text
    assert "<b>ZZ" not in text
    assert "&lt;b&gt;ZZ" in text


def test_who_may_only_look_sees_a_preview_and_imports_nothing(clerk, telenor):
    sheet = RateSheet.objects.create(
        file_name="a.csv", text=f"{HEADER}\nDK,238,02,,,0.05,USD", uploaded_by="staff:ann"
    )  # fmt: skip
    page = clerk.get(reverse("admin:catalog_ratesheet_change", args=[sheet.pk]))
    assert "price 0.04 → 0.05 USD" in page.content.decode()
    assert "import-sheet" not in page.content.decode()
    assert confirm(clerk, page).status_code == 403
    assert clerk.get(reverse(UPLOAD)).status_code == 403
    assert Price.objects.count() == 1


def test_an_import_is_never_a_get(staff, telenor):
    page = upload(staff, "DK,238,02,,,0.05,USD")
    assert staff.get(page.context["import_url"]).status_code == 405


def test_base_list_and_customer_sheets_are_exported(staff, telenor):
    price_list, customer = make_price_list(), Customer.objects.create(name="Kilimo")
    set_price(product=telenor.pk, amount=Decimal("0.03"), currency="USD", price_list=price_list)
    set_price(product=telenor.pk, amount=Decimal("0.02"), currency="USD", customer=customer)
    for query, price in (("", "0.04"), (f"price_list={price_list.pk}", "0.03"), (f"customer={customer.pk}", "0.02")):
        answer = staff.get(f"{reverse(EXPORT)}?{query}")
        rows = list(csv.DictReader(io.StringIO(b"".join(answer).decode())))
        assert [(row["mnc"], row["prefixes"], row["price"]) for row in rows] == [("02", "4530", price)]
    assert staff.get(f"{reverse(EXPORT)}?customer=9999").status_code == 404
    assert staff.get(f"{reverse(EXPORT)}?customer=x").status_code == 404


def test_the_export_dialog_leads_to_the_sheet(staff, telenor):
    url = reverse("admin:catalog_smsdestination_export_rates")
    assert staff.get(url).status_code == 200
    price_list = make_price_list()
    answer = staff.post(url, {"_form_submitted": "on", "price_list": price_list.pk}, headers={"HX-Request": "true"})
    assert answer["HX-Redirect"] == f"{reverse(EXPORT)}?price_list={price_list.pk}"


def test_destinations_are_listed_searched_and_opened(staff, telenor):
    make_destination(price="0.2")
    url = reverse("admin:catalog_smsdestination_changelist")
    assert "Everywhere else" in staff.get(url).content.decode()
    for term in ("Telenor", "DK", "238", "4530"):
        assert "Telenor" in staff.get(url, {"q": term}).content.decode()
    assert "4530" in staff.get(reverse("admin:catalog_smsdestination_change", args=[telenor.pk])).content.decode()
    assert staff.get(reverse("admin:catalog_ratesheet_changelist")).status_code == 200


def test_a_new_destination_made_by_hand_gets_its_countrys_prefixes(staff):
    country = make_country("DK")
    facts = {"country": country.pk, "mcc": "238", "cost": "0.01", "cost_currency": "USD", "is_active": "on"}
    assert staff.post(reverse("admin:catalog_smsdestination_add"), facts).status_code == 302
    assert [prefix.digits for prefix in SmsDestination.objects.get().prefixes.all()] == ["45"]
