"""The panel API v2, against a real HTTP server: what it prints, and everything else that panels do."""

import socket
import threading
import time
from contextlib import suppress
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from activations import tasks
from activations.errors import ProviderSilent, SmmOrderRefused
from activations.models import SmmOrder
from activations.providers.smm import OrderReport, OutcomeUnknown, ProviderError, SmmRequest, provider_for, wire
from activations.providers.smm.base import BATCH
from activations.services import smm
from activations.tests.factories import FUNDS, differences, purse
from activations.tests.panel_server import KEY, running_panel
from activations.tests.smm import LINK, Status, make_smm_service, ordered, tick
from catalog.models import Price, SmmService
from catalog.services.smm import accept_cost
from config.checks import smm_panel_is_complete
from config.errors import DomainError
from wallets.models import Transaction

pytestmark = pytest.mark.django_db
PROVIDER = provider_for("panel")


@pytest.fixture
def panel(settings):
    with running_panel() as running:
        settings.SMM_PANEL_URL, settings.SMM_PANEL_KEY = running.url, KEY
        settings.PROVIDER_DEADLINE_SECONDS = 5
        yield running


@pytest.fixture
def sold(panel):
    """The panel's first service, which we sell."""
    return make_smm_service(provider="panel", provider_service_id="1", can_cancel=True, can_refill=True)


def place(**facts):
    request = SmmRequest(**{"reference": "r", "service_id": "1", "link": LINK, "quantity": 1000, **facts})
    return PROVIDER.place(request, deadline_seconds=5)


# --- As panels print it ----------------------------------------------------------------------------


def test_an_order_is_placed_as_documented(panel):
    link = "https://instagram.com/example?a=1&b=ü"
    assert place(link=link) == "23501"
    assert panel.asked == [{"key": KEY, "action": "add", "service": "1", "link": link, "quantity": "1000"}]


def test_the_printed_statuses_are_understood(panel):
    panel.answers["status"] = {
        "1": {"charge": "0.27819", "start_count": "3572", "status": "Partial", "remains": "157", "currency": "USD"},
        "10": {"error": "Incorrect order ID"},
        "100": {"charge": 1.44219, "start_count": 234, "status": "In progress", "remains": 10, "currency": "USD"},
    }
    assert PROVIDER.reports(["1", "10", "100"], deadline_seconds=5) == {
        "1": OrderReport(Status.PARTIAL, 3572, 157, Decimal("0.27819"), "USD"),
        "100": OrderReport(Status.IN_PROGRESS, 234, 10, Decimal("1.44219"), "USD"),
    }
    assert panel.asked == [{"key": KEY, "action": "status", "orders": "1,10,100"}]


def test_balance_refill_and_cancel_are_understood(panel):
    order_id = place()
    assert PROVIDER.balance(deadline_seconds=5) == (Decimal("100.84292"), "USD")
    assert PROVIDER.refill(order_id, deadline_seconds=5) == "1"
    assert PROVIDER.cancel(order_id, deadline_seconds=5) is None
    for question in (PROVIDER.refill, PROVIDER.cancel):
        with pytest.raises(ProviderError):
            question("9", deadline_seconds=5)


@pytest.mark.parametrize("answer", [{"success": "Order cancelled"}, [{"order": 1, "cancel": "1"}], {"cancel": 1}])
def test_panels_say_in_several_ways_that_they_cancel(panel, answer):
    panel.answers["cancel"] = answer
    assert PROVIDER.cancel("1", deadline_seconds=5) is None


@pytest.mark.parametrize("answer", [[], {}, "ok", None, [{"order": 1}], 1])
def test_a_cancel_or_refill_that_nobody_understands_is_no_answer(panel, answer):
    panel.answers |= {"cancel": answer, "refill": answer}
    for question in (PROVIDER.cancel, PROVIDER.refill):
        with pytest.raises(OutcomeUnknown):
            question("1", deadline_seconds=5)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("Pending", "pending"),
        ("In progress", "in_progress"),
        ("Processing", "in_progress"),
        ("in_progress", "in_progress"),
        ("Completed", "completed"),
        ("COMPLETED", "completed"),
        ("Partial", "partial"),
        ("Canceled", "canceled"),
        ("Cancelled", "canceled"),
        ("Refunded", "canceled"),
        ("Fail", "failed"),
        ("Error", "failed"),
    ],
)
def test_states_are_understood_in_every_spelling(word, status):
    assert wire.report({"status": word}).status == status


@pytest.mark.parametrize(
    "row", [None, [], "Completed", {}, {"status": "Sleeping"}, {"status": None}, {"error": "x"}, 5]
)
def test_what_says_nothing_is_no_report(row):
    assert wire.report(row) is None


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("157", 157),
        (157, 157),
        ("157.0", 157),
        (Decimal("157.00"), 157),
        ("-3", -3),
        (" 5 ", 5),
        ("", None),
        (None, None),
        (True, None),
        ("1e3", None),
        ("١٥", None),
        ("1_000", None),
        ("157.5", None),
        ("N/A", None),
        ([], None),
        ("9" * 40, None),
        (10**30, None),
    ],
)
def test_counts_come_as_texts_or_numbers_or_not_at_all(value, number):
    assert wire.whole(value) == number


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        ("0.27819", "0.27819"),
        (0, "0"),
        (Decimal("0.08011655652"), "0.080117"),
        ("-1", None),
        ("9" * 13, None),
        ("", None),
    ],
)
def test_costs_are_rounded_to_money_or_not_taken(value, amount):
    assert wire.cost(value) == (None if amount is None else Decimal(amount))


# --- Yes, no, and nobody knows ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "order_id"),
    [({"order": 23501}, "23501"), ({"order": "23501"}, "23501"), ({"order": "a-1", "charge": "1"}, "a-1")],
)
def test_a_number_of_the_order_is_a_yes(panel, answer, order_id):
    panel.answers["add"] = answer
    assert place() == order_id


@pytest.mark.parametrize("answer", [{"error": "neworder.error.not_enough_funds"}, {"error": "x", "order": None}])
def test_an_error_is_a_no(panel, answer):
    panel.answers["add"] = answer
    with pytest.raises(ProviderError):
        place()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 429])
def test_a_request_that_was_refused_as_such_is_a_no(panel, status):
    panel.status = status
    panel.answers["add"] = b"<html>"
    with pytest.raises(ProviderError):
        place()


@pytest.mark.parametrize(
    "answer",
    [
        {},
        [],
        None,
        "23501",
        23501,
        {"order": 0},
        {"order": None},
        {"order": True},
        {"order": "x" * 65},
        {"order": "1 2"},
        {"order": {"id": 1}},
        {"order": "1", "error": "and an error"},
        b"",
        b"<html>502</html>",
        b"[" * 100_000,
        b"\xff\xfe",
        b'{"order": NaN}',
    ],
)
def test_an_answer_that_is_neither_yes_nor_no_is_none(panel, answer):
    panel.answers["add"] = answer
    with pytest.raises(OutcomeUnknown):
        place()


@pytest.mark.parametrize("status", [500, 502, 503, 504, 301, 302, 307, 201])
def test_a_server_in_trouble_or_elsewhere_is_no_answer(panel, status):
    panel.status = status
    panel.headers = {"Location": panel.url}
    with pytest.raises(OutcomeUnknown):
        place()
    assert panel.actions() == ["add"], "never repeated, never redirected"


def test_where_nobody_listens_nothing_was_placed(settings):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        settings.SMM_PANEL_URL, settings.SMM_PANEL_KEY = f"http://127.0.0.1:{free.getsockname()[1]}/", KEY
        with pytest.raises(ProviderError):
            place()


def test_a_host_that_does_not_exist_has_heard_nothing(settings):
    settings.SMM_PANEL_URL, settings.SMM_PANEL_KEY = "http://panel.invalid/", KEY
    with pytest.raises(ProviderError):
        place()


def test_a_connection_that_is_cut_is_no_answer(settings):
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings.SMM_PANEL_URL, settings.SMM_PANEL_KEY = f"http://127.0.0.1:{server.getsockname()[1]}/", KEY

        def cut():
            with suppress(OSError):
                connection, _ = server.accept()
                connection.recv(10_000)
                connection.close()

        threading.Thread(target=cut, daemon=True).start()
        with pytest.raises(OutcomeUnknown):
            place()


@pytest.mark.parametrize("manner", ["hangs", "drips"])
def test_no_call_lasts_longer_than_its_deadline(panel, manner):
    """A drip of bytes is in time for every read, and never ends."""
    if manner == "hangs":
        panel.hang_seconds = 20
    else:
        panel.drips, panel.answers["add"] = True, b" " * 1_000
    began = time.monotonic()
    with pytest.raises(OutcomeUnknown):
        PROVIDER.place(SmmRequest("r", "1", LINK, 1000), deadline_seconds=0.4)
    assert time.monotonic() - began < 15


def test_an_endless_answer_is_not_read_to_its_end(panel, monkeypatch):
    monkeypatch.setattr("activations.providers.smm.panel.LARGEST_ANSWER", 1_000)
    panel.answers["add"] = b'{"order": 1}' + b" " * 1_000
    with pytest.raises(OutcomeUnknown):
        place()


def test_without_a_panel_in_the_settings_nothing_is_sold(settings):
    settings.SMM_PANEL_URL = ""
    with pytest.raises(ProviderError):
        place()


def test_the_key_reaches_no_error(panel):
    panel.answers["add"] = lambda sent: {"error": f"bad key {sent['key']}"}
    with pytest.raises(ProviderError) as refusal:
        place()
    assert KEY not in repr(refusal.value) + str(refusal.value.__cause__)


# --- Orders ---------------------------------------------------------------------------------------------


def test_an_order_lives_at_the_panel(panel, buyer, sold):
    order = ordered(buyer, sold)
    assert (order.status, order.provider_order_id) == (Status.PENDING, "23501")
    panel.orders["23501"] |= {"status": "In progress", "remains": "580", "charge": "0.1"}
    tick(order)
    assert (order.status, order.progress, order.start_count, order.cost) == ("in_progress", 42, 3572, Decimal("0.1"))
    assert smm.request_cancel(order=order).cancel_asked_at
    panel.orders["23501"] |= {"status": "Partial", "remains": 157, "charge": "0.27819"}
    tick(order)
    assert (order.status, order.remains, order.cost) == (Status.PARTIAL, 157, Decimal("0.27819"))
    assert Transaction.objects.get(kind="smm_refund").amount == Decimal("0.0785")
    assert smm.request_refill(order=order).refill_id == "1"
    assert differences() == []


def test_a_canceled_order_gives_all_back_whatever_it_says_remains(panel, buyer, sold):
    order = ordered(buyer, sold)
    panel.orders["23501"] |= {"status": "Canceled", "remains": "30"}
    tick(order)
    assert (order.status, order.remains, purse(buyer)[0]) == (Status.CANCELED, 30, FUNDS)


def test_a_refused_order_is_refunded(panel, buyer, sold):
    panel.answers["add"] = {"error": "You have active order with this link. Please wait until order being completed."}
    with pytest.raises(SmmOrderRefused):
        ordered(buyer, sold)
    assert purse(buyer)[0] == FUNDS


def test_an_add_without_an_answer_goes_to_staff_and_is_never_sent_again(panel, buyer, sold):
    panel.status = 502
    order = ordered(buyer, sold)
    assert (order.status, order.needs_staff) == (Status.UNKNOWN, True)
    panel.status = 200
    for _ in range(3):
        tick()
    assert panel.actions() == ["add"]
    assert smm.declare_placed(order=order, provider_order_id="23501").status == Status.PENDING


def test_two_hundred_orders_are_three_questions(panel, buyer, sold):
    rows = [
        SmmOrder(
            customer_id=buyer.customer_id,
            wallet_id=buyer.wallet_id,
            service=sold,
            link=LINK,
            quantity=10,
            mode="test",
            provider="panel",
            provider_order_id=str(number),
            price=1,
            rate_per_thousand=100,
            currency="USD",
            status=Status.PENDING,
        )
        for number in range(2 * BATCH + 1)
    ]
    SmmOrder.objects.bulk_create(rows)
    SmmOrder.objects.update(due_at="2026-01-01T00:00:00Z")
    panel.answers["status"] = lambda sent: {each: {"status": "Completed"} for each in sent["orders"].split(",")}
    assert smm.poll_due() == 2 * BATCH + 1
    assert panel.actions() == ["status"] * 3
    assert set(SmmOrder.objects.values_list("status", flat=True)) == {"completed"}


@pytest.mark.parametrize("answer", [{"error": "Incorrect request"}, [], b"", "x"])
def test_a_status_that_says_nothing_leaves_orders_as_they_are(panel, buyer, sold, answer):
    order = ordered(buyer, sold)
    panel.answers["status"] = answer
    tick(order)
    assert (order.status, order.attempts) == (Status.PENDING, 1)


# --- The list of services ---------------------------------------------------------------------------------


def test_new_services_arrive_switched_off_with_their_cost_and_without_a_price(panel):
    assert str(smm.sync_services()) == "2 new, 0 with another cost, 0 otherwise changed, 0 vanished"
    first, views = SmmService.objects.order_by("pk")
    assert (first.name, first.category, first.cost, first.is_active) == (
        "Followers",
        "First Category",
        Decimal("0.9"),
        False,
    )
    assert (first.min_quantity, first.max_quantity, first.can_refill, first.can_cancel) == (50, 10_000, True, True)
    assert (views.provider_service_id, views.cost, views.can_refill) == ("3", Decimal("0.0125"), False)
    assert not Price.objects.exists()


def test_reading_the_list_again_changes_nothing(panel):
    smm.sync_services()
    before = list(SmmService.objects.values().order_by("pk"))
    assert str(smm.sync_services()) == "0 new, 0 with another cost, 0 otherwise changed, 0 vanished"
    after = list(SmmService.objects.values().order_by("pk"))
    assert [row | {"listed_at": 0} for row in before] == [row | {"listed_at": 0} for row in after]


def test_another_cost_is_stored_and_flagged_and_the_price_stays(panel, sold):
    panel.services[0]["rate"] = "1.20"
    assert smm.sync_services().repriced == 1
    panel.services[0]["rate"] = "1.50"
    smm.sync_services()
    sold.refresh_from_db()
    assert (sold.cost, sold.previous_cost, sold.is_active) == (Decimal("1.5"), Decimal("0.3"), True)
    assert Price.objects.get().amount == Decimal("0.5")
    assert [accept_cost(sold), accept_cost(sold)] == [True, False]


def test_limits_follow_the_list_and_names_stay_the_houses(panel, sold):
    panel.services[0] |= {"rate": "0.3", "min": "10", "max": "99", "name": "Renamed", "cancel": False}
    assert smm.sync_services().changed == 1
    sold.refresh_from_db()
    assert (sold.name, sold.min_quantity, sold.max_quantity, sold.can_cancel) == ("Instagram Followers", 10, 99, False)


def test_what_vanished_is_switched_off_and_stays_off_when_it_comes_back(panel, sold):
    gone = panel.services.pop(0)
    assert (smm.sync_services().vanished, smm.sync_services().vanished) == (1, 0)
    sold.refresh_from_db()
    assert (sold.is_active, sold.vanished_at is not None) == (False, True)
    panel.services.insert(0, gone)
    smm.sync_services()
    sold.refresh_from_db()
    assert (sold.is_active, sold.vanished_at) == (False, None)


def test_a_service_that_turns_into_another_type_has_vanished(panel, sold):
    panel.services[0]["type"] = "Package"
    assert smm.sync_services().vanished == 1


@pytest.mark.parametrize("broken", [{"rate": "free"}, {"min": None}, {"max": "x"}, {"name": ""}, {"min": 10, "max": 5}])
def test_a_row_that_cannot_be_read_is_not_a_vanished_one(panel, sold, broken):
    panel.services[0] |= broken
    assert (smm.sync_services().vanished, SmmService.objects.get(pk=sold.pk).is_active) == (0, True)


def test_hostile_rows_do_not_hurt(panel):
    panel.services = [
        None,
        5,
        [],
        {},
        {"service": None},
        {"service": "x" * 99, "name": "a", "rate": 1, "min": 1, "max": 2},
        {
            "service": 7,
            "name": "a\x00b\n" + "c" * 500,
            "category": "x" * 500,
            "rate": "0.1234567",
            "min": -5,
            "max": 10**14,
        },
        {"service": 7, "name": "Twice", "rate": 1, "min": 1, "max": 2},
    ]
    assert smm.sync_services().added == 1
    assert SmmService.objects.get().provider_service_id == "7"


@pytest.mark.parametrize(
    "answer", [[], {}, {"error": "Invalid API key"}, b"", "x", [{"service": 2, "type": "Package"}]]
)
def test_an_empty_or_senseless_list_switches_nothing_off(panel, sold, answer):
    panel.answers["services"] = answer
    with pytest.raises(DomainError):
        smm.sync_services()
    assert SmmService.objects.get(pk=sold.pk).is_active


def test_the_houses_other_services_are_not_the_panels(panel):
    own = make_smm_service(provider="sandbox")
    smm.sync_services()
    assert SmmService.objects.get(pk=own.pk).is_active


def test_the_list_is_read_by_the_tick_and_by_a_command(panel, settings):
    assert tasks.sync_smm_services().startswith("2 new")
    said = StringIO()
    call_command("smm_sync", stdout=said)
    assert said.getvalue().startswith("0 new")
    settings.SMM_PANEL_URL = ""
    assert tasks.sync_smm_services() == ""
    with pytest.raises(CommandError):
        call_command("smm_sync")
    with pytest.raises(ProviderSilent):
        smm.sync_services()


# --- Settings --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "codes"),
    [
        ({}, []),
        ({"SMM_PANEL_URL": "https://p.example/api/v2", "SMM_PANEL_KEY": "k"}, []),
        ({"SMM_PANEL_URL": "https://p.example/api/v2"}, ["saldo.E020"]),
        ({"SMM_PANEL_KEY": "k"}, ["saldo.E020"]),
        ({"SMM_PANEL_URL": "p.example", "SMM_PANEL_KEY": "k"}, ["saldo.E021"]),
        ({"SMM_PANEL_URL": "http://p.example/", "SMM_PANEL_KEY": "k", "PRODUCTION": True}, ["saldo.E022"]),
        ({"SMM_PANEL_CURRENCY": "dollars"}, ["saldo.E023"]),
    ],
)
def test_absurd_settings_of_the_panel_are_told(settings, changed, codes):
    for name, value in changed.items():
        setattr(settings, name, value)
    assert [found.id for found in smm_panel_is_complete()] == codes
