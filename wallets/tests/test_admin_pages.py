"""The back office's pages of money: who may open them, that nobody edits there, and what they cost."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from config.ticks import add_missing
from wallets.admin.days import first_id_since
from wallets.admin.look import digits, span
from wallets.models import Account, Entry, Event, ExchangeRate, Hold, Tick, Transaction, Wallet
from wallets.services import capture, convert, deposit, open_customer, open_wallet, place_hold, release
from wallets.tests.test_admin_dialogs import staff_client

pytestmark = pytest.mark.django_db

READ_ONLY = (Wallet, Transaction, Hold, Account, Entry, Event, Tick, ExchangeRate, LogEntry)


@pytest.fixture
def boss() -> Client:
    return staff_client(superuser=True)


@pytest.fixture
def books() -> Wallet:
    """A little of everything."""
    customer = open_customer(name="Acme", email="billing@acme.example")
    usd, kes = customer.wallets.get(), open_wallet(customer=customer, currency="KES")
    ExchangeRate.objects.create(base="USD", quote="KES", rate=Decimal(129), source="bank")
    deposit(wallet=usd, amount=Decimal("150.50"), reference="deposit:1")
    convert(source=usd, target=kes, amount=Decimal(10), reference="conversion:1")
    hold = place_hold(wallet=usd, amount=Decimal(2), reference="activation:91")
    capture(hold=hold, amount=Decimal("0.15"), kind="sms_purchase", reference="activation:91:capture",
            account="revenue:activations")  # fmt: skip
    release(hold=hold)
    add_missing()
    admin_user = staff_client().session["_auth_user_id"]
    LogEntry.objects.create(user_id=admin_user, object_repr="Acme", action_flag=2, change_message="Because")
    return usd


def list_url(model: type) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def page_url(model: type, pk: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[pk])


def client_of(books: Wallet, *rights: str, superuser: bool = False) -> Client:
    """The fixture's person with these rights."""
    from django.contrib.auth import get_user_model
    from django.contrib.auth.models import Permission

    user = get_user_model().objects.get(email="ann@example.com")
    user.is_superuser = superuser
    user.save()
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def reader(books) -> Client:
    return client_of(books, superuser=True)


@pytest.mark.parametrize("model", READ_ONLY)
def test_every_list_and_page_opens_and_offers_nothing_to_save(reader, books, model):
    assert reader.get(list_url(model)).status_code == 200
    page = reader.get(page_url(model, model._default_manager.first().pk), follow=True)

    assert page.status_code == 200
    assert 'name="_save"' not in page.content.decode()


@pytest.mark.parametrize("model", READ_ONLY)
def test_what_is_posted_to_a_read_only_page_is_refused(reader, books, model):
    row = model._default_manager.first()
    answer = reader.post(page_url(model, row.pk), {"amount": "1000000", "balance": "1000000", "rate": "1"})

    assert answer.status_code in {302, 403}
    assert answer.status_code == 403 or model is Entry
    assert reader.post(page_url(model, row.pk).replace("change", "delete")).status_code in {302, 403, 404}
    assert model._default_manager.filter(pk=row.pk).exists()


@pytest.mark.parametrize("model", [model for model in READ_ONLY if model is not ExchangeRate])
def test_nobody_adds_rows_by_hand(reader, model):
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}_add"
    assert reader.get(reverse(name)).status_code == 403
    assert reader.post(reverse(name), {}).status_code == 403


@pytest.mark.parametrize("model", READ_ONLY)
def test_whoever_has_no_right_sees_nothing(books, model):
    pk = model._default_manager.first().pk
    nobody = client_of(books)
    assert nobody.get(list_url(model)).status_code == 403
    assert nobody.get(page_url(model, pk)).status_code in {302, 403}
    assert Client().get(list_url(model)).status_code == 302


@pytest.mark.parametrize("model", READ_ONLY)
def test_the_right_to_view_is_enough_to_read(books, model):
    viewer = client_of(books, f"view_{model._meta.model_name}")
    assert viewer.get(list_url(model)).status_code == 200


@pytest.mark.parametrize("pk", ["abc", "9" * 30, "-1", "%00", "1%00", "'"])
def test_pages_of_no_row_lead_back_to_the_list(reader, books, pk):
    for model in READ_ONLY:
        answer = reader.get(f"{list_url(model)}{pk}/change/")
        assert answer.status_code in {302, 400, 404}, model


def shown(response) -> list[int]:
    return [row.pk for row in response.context["cl"].result_list]


def test_transactions_are_found_by_reference_journal_number_customer_and_day(reader, books):
    url, rows = list_url(Transaction), Transaction.objects
    capture_row = rows.get(reference="activation:91:capture")
    today = f"{timezone.now():%Y-%m-%d}"
    yesterday = f"{timezone.now() - timedelta(days=1):%Y-%m-%d}"

    assert shown(reader.get(url, {"q": "activation:91"})) == [capture_row.pk]
    assert len(shown(reader.get(url, {"q": "conversion:1"}))) == 2
    assert capture_row.pk in shown(reader.get(url, {"q": f"#{capture_row.pk}"}))
    assert len(shown(reader.get(url, {"customer": "acme"}))) == 4
    assert shown(reader.get(url, {"customer": "globex"})) == []
    assert shown(reader.get(url, {"kind": "sms_purchase", "currency": "usd"})) == [capture_row.pk]
    assert len(shown(reader.get(url, {"posted_at_from": today, "posted_at_to": today}))) == 4
    assert shown(reader.get(url, {"posted_at_to": yesterday})) == []


def test_a_statement_is_a_wallets_transactions_newest_first(reader, books):
    rows = list(reader.get(list_url(Transaction), {"wallet": books.pk}).context["cl"].result_list)

    assert [row.wallet_seq for row in rows] == [3, 2, 1]
    assert {row.wallet_id for row in rows} == {books.pk}


def test_the_number_of_queries_of_the_transactions_list_does_not_grow_with_its_rows(reader, books):
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert reader.get(list_url(Transaction)).status_code == 200
        assert not any("COUNT(" in query["sql"].upper() and "wallets_transaction" in query["sql"] for query in captured)
        return len(captured)

    reader.get(list_url(Transaction))
    few = queries()
    for number in range(20):
        wallet = open_customer(name=f"Customer {number}").wallets.get()
        deposit(wallet=wallet, amount=Decimal(1), reference=f"more:{number}")
    assert queries() == few


def test_a_list_of_many_rows_has_pages_and_is_never_counted(reader, books):
    for number in range(60):
        deposit(wallet=books, amount=Decimal(1), reference=f"more:{number}")
    first = reader.get(list_url(Transaction))
    second = reader.get(list_url(Transaction), {"p": 2})

    assert (len(shown(first)), len(shown(second))) == (50, 14)
    assert min(shown(first)) > max(shown(second))
    assert "Next →" in first.content.decode()
    assert "Next →" not in second.content.decode()
    assert reader.get(list_url(Transaction), {"p": 3}).status_code == 302
    assert reader.get(list_url(Transaction), {"p": "9" * 30}).status_code == 302


def test_the_trial_balance_shows_every_account_and_balances(reader, books):
    response = reader.get(reverse("admin:wallets_trial_balance"))

    balances = {balance.currency: balance for balance in response.context["balances"]}
    assert {currency: balance.difference for currency, balance in balances.items()} == {"KES": 0, "USD": 0}
    assert [(line.code, line.total) for line in balances["USD"].lines] == [
        ("cash:bank", Decimal("150.5")),
        ("fx:clearing", Decimal(-10)),
        ("wallets of all customers", Decimal("-140.35")),
        ("revenue:activations", Decimal("-0.15")),
    ]
    assert client_of(books, "view_wallet").get(reverse("admin:wallets_trial_balance")).status_code == 403


def test_an_accounts_page_says_what_it_stands_at(reader, books):
    bank = Account.objects.get(code="cash:bank", currency="USD")
    revenue = Account.objects.get(code="revenue:activations")

    assert "150.50 <small>USD" in reader.get(page_url(Account, bank.pk)).content.decode()
    assert "0.15 <small>USD" in reader.get(page_url(Account, revenue.pk)).content.decode()


def test_exchange_rates_are_added_and_never_changed(reader, books):
    given = {"base": "usd", "quote": "NGN", "rate": "1530.5", "source": "bank",
             "effective_at_0": "2026-01-01", "effective_at_1": "00:00:00"}  # fmt: skip
    add = reverse("admin:wallets_exchangerate_add")

    assert reader.post(add, given).status_code == 302
    added = ExchangeRate.objects.get(quote="NGN")
    assert (added.base, added.rate) == ("USD", Decimal("1530.5"))
    assert reader.post(page_url(ExchangeRate, added.pk), given | {"rate": "1"}).status_code == 403
    assert reader.post(add, given | {"quote": "USD"}).status_code == 200
    assert reader.post(add, given | {"rate": "-1"}).status_code == 200
    assert ExchangeRate.objects.count() == 2


def test_a_tick_that_is_silent_for_several_turns_is_overdue(reader, books, settings):
    settings.TICKS = {"a": 60.0, "b": 60.0}
    Tick.objects.all().delete()
    now = timezone.now()
    Tick.objects.create(name="a", enqueued_at=now, finished_at=now - timedelta(seconds=100), duration_seconds=0.01)
    Tick.objects.create(name="b", enqueued_at=now, finished_at=now - timedelta(seconds=200), duration_seconds=0.01)
    Tick.objects.create(name="c", enqueued_at=now)

    page = reader.get(list_url(Tick))

    rows = {row.name: page.context["cl"].model_admin.state(row) for row in page.context["cl"].result_list}
    assert ["On time" in rows["a"], "Overdue" in rows["b"], "Retired" in rows["c"]] == [True, True, True]


def test_django_q_and_knox_have_no_pages():
    """Whoever may add a schedule there can run any code."""
    assert not [model for model in admin.site._registry if model._meta.app_label in {"django_q", "knox"}]
    for name in ("django_q_schedule", "django_q_success", "django_q_failure", "django_q_ormq", "knox_authtoken"):
        with pytest.raises(NoReverseMatch):
            reverse(f"admin:{name}_changelist")


def test_there_is_no_address_of_schedules_either(reader, books):
    for path in ("/admin/django_q/", "/admin/django_q/schedule/", "/admin/django_q/schedule/add/"):
        assert reader.get(path).status_code == 404


def test_staff_log_in_by_e_mail_in_any_case_and_arrive_at_the_dashboard(books):
    client = Client()
    login = reverse("admin:login")
    assert "Saldo" in client.get(login).content.decode()
    user = client_of(books).get(reverse("admin:index")).wsgi_request.user
    user.set_password("correct horse battery")
    user.save()

    answer = client.post(login, {"username": "Ann@Example.com", "password": "correct horse battery"})

    assert (answer.status_code, answer.url) == (302, reverse("admin:index"))


def test_the_first_day_of_the_books_is_found_by_halving(books):
    """The day's first row, whatever the ids in between are."""
    newest = Transaction.objects.latest("pk")
    now = timezone.now()

    assert first_id_since(now - timedelta(days=1)) <= Transaction.objects.earliest("pk").pk
    assert first_id_since(now + timedelta(days=1)) == newest.pk


@pytest.mark.parametrize(
    ("amount", "written"),
    [
        ("150.500000", "150.50"),
        ("1E+2", "100.00"),
        ("-1234567.1", "-1,234,567.10"),
        ("0.000001", "0.000001"),
    ],
)
def test_amounts_are_written_plainly(amount, written):
    assert digits(Decimal(amount)) == written


def test_lengths_of_time_are_written_by_their_two_largest_units():
    written = [span(timedelta(seconds=seconds)).replace("\u00a0", " ") for seconds in (0, 59, 200, 7_200, 187_000)]
    assert written == ["0 s", "59 s", "3 min 20 s", "2 h", "2 d 3 h"]
