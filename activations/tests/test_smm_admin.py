"""The back office's pages of SMM orders and services: what they show, who may act, and that nothing moves on GET."""

import uuid
from decimal import Decimal

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from activations.models import SmmOrder
from activations.providers.smm import OrderReport, OutcomeUnknown
from activations.services.smm import orders
from activations.tests.factories import FUNDS, purse
from activations.tests.panel_server import KEY, running_panel
from activations.tests.smm import LINK, PRICE, Status, make_smm_service, ordered, report
from activations.tests.test_admin_pages import address, client_with, list_url, page_url, send, shown
from catalog.models import Price, SmmService
from wallets.models import Transaction

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss(db) -> Client:
    return client_with(superuser=True)


@pytest.fixture
def order(booster, buyer) -> SmmOrder:
    return ordered(buyer, make_smm_service(can_cancel=True, can_refill=True))


@pytest.fixture
def lost(booster, buyer, followers) -> SmmOrder:
    booster.remembers_references = False
    booster.before["place"] = OutcomeUnknown()
    found = ordered(buyer, followers)
    booster.before.clear()
    return found


def logged() -> str:
    return LogEntry.objects.get().get_change_message()


# --- Pages -------------------------------------------------------------------------------------------


def test_lists_and_pages_open_for_whoever_may_see_them(boss, order):
    for row in (order, order.service):
        assert boss.get(list_url(type(row))).status_code == 200
        assert boss.get(page_url(row)).status_code == 200
    assert boss.get(reverse("admin:catalog_smmservice_add")).status_code == 200
    assert boss.get(reverse("admin:catalog_price_changelist")).status_code == 200


@pytest.mark.parametrize("model", [SmmOrder, SmmService])
def test_whoever_has_no_right_sees_nothing(order, model):
    nobody, row = client_with("view_activation"), model.objects.get()
    assert [nobody.get(list_url(model)).status_code, nobody.get(page_url(row)).status_code] == [403, 403]


def test_the_number_of_queries_does_not_grow_with_the_rows(boss, buyer, order):
    def queries(model) -> int:
        with CaptureQueriesContext(connection) as captured:
            boss.get(list_url(model))
        return len(captured)

    queries(SmmOrder)
    few = [queries(SmmOrder), queries(SmmService)]
    for number in range(4):
        ordered(buyer, make_smm_service(f"Service {number}"))
    assert [queries(SmmOrder), queries(SmmService)] == few


def test_an_order_is_found_by_whatever_is_known_of_it(boss, order):
    for term in (order.pk, f"#{order.pk}", order.uuid, order.provider_order_id, LINK, "acme"):
        assert shown(boss, SmmOrder, q=term) == [order.pk], term
    assert shown(boss, SmmOrder, q="globex") == []


def test_orders_are_filtered_by_state_and_need(boss, booster, buyer, followers, lost):
    booster.remembers_references = True
    done = ordered(buyer, followers)
    report(booster, done, "completed")
    assert shown(boss, SmmOrder, status="open") == shown(boss, SmmOrder, staff="yes") == [lost.pk]
    assert shown(boss, SmmOrder, status="completed") == [done.pk]
    assert shown(boss, SmmOrder, staff="contradicted") == []


def test_what_waits_for_staff_is_on_the_first_page(boss, lost):
    queues = {queue.title: queue for queue in boss.get(reverse("admin:index")).context["queues"]}
    assert queues["SMM orders"].count == 1
    assert [row.pk for row in boss.get(queues["SMM orders"].url).context["cl"].result_list] == [lost.pk]


def test_an_orders_story_is_told_in_order(boss, order):
    orders.take_report(order.pk, OrderReport(Status.IN_PROGRESS, remains=580, cost=Decimal("0.2")))
    orders.take_report(order.pk, OrderReport(Status.PARTIAL, remains=200))
    page = boss.get(page_url(order))
    assert [step.title for step in page.context["story"]] == [
        "Requested",
        "Charged 0.50 USD",
        "Provider called",
        "Placed",
        "In progress, 42 %",
        "Refunded 0.10 USD",
        "Partial",
    ]
    assert (page.context["account"].taken, page.context["account"].margin) == (Decimal("0.4"), "0.20 USD (50%)")


def test_a_link_that_tries_to_be_html_is_shown_as_text(boss, booster, buyer, followers):
    order = ordered(buyer, followers, link='https://a.example/"><script>alert(1)</script>')
    for path in (page_url(order), list_url(SmmOrder), address(order, "ask_again")):
        assert "<script>alert(1)" not in boss.get(path).content.decode()


# --- Orders: doing -----------------------------------------------------------------------------------------


ACTIONS = (
    "it_was_placed",
    "it_was_not_placed",
    "deal_with_it",
    "ask_again",
    "cancel_it",
    "refill_it",
    "settle_it",
    "refund_it",
)


@pytest.mark.parametrize("action", ACTIONS)
def test_nothing_moves_on_get_and_a_reader_can_do_nothing(boss, buyer, lost, action):
    before = SmmOrder.objects.values().get()
    assert boss.get(address(lost, action)).status_code == 200
    reader = client_with("view_smmorder")
    sent = send(reader, lost, action, provider_order_id="1", ending="canceled", amount="0.1")
    assert sent.status_code == 403
    assert address(lost, action) not in reader.get(page_url(lost)).content.decode()
    assert (SmmOrder.objects.values().get(), purse(buyer)[0]) == (before, FUNDS - PRICE)


def offered(client: Client, order: SmmOrder) -> set[str]:
    page = client.get(page_url(order)).content.decode()
    return {action for action in ACTIONS if address(order, action) in page}


def test_only_what_fits_is_offered(boss, booster, order, lost):
    assert offered(boss, lost) == {"it_was_placed", "it_was_not_placed"}
    assert offered(boss, order) == {"ask_again", "cancel_it", "settle_it"}
    report(booster, order, "completed")
    assert offered(boss, order) == {"ask_again", "refill_it", "refund_it"}
    assert offered(client_with("change_smmorder"), order) == {"ask_again", "refill_it"}


def test_it_was_placed(boss, buyer, lost):
    for _ in range(2):
        send(boss, lost, "it_was_placed", provider_order_id="23501", reason="Seen at the panel")
    lost.refresh_from_db()
    assert (lost.status, lost.provider_order_id, purse(buyer)[0]) == (Status.PENDING, "23501", FUNDS - PRICE)
    assert logged() == "Placed as fake order 23501: Seen at the panel"


@pytest.mark.parametrize("number", ["", " ", "1 2", "x" * 65, "№5", "1\n2"])
def test_a_number_that_is_none_is_refused(boss, lost, number):
    assert send(boss, lost, "it_was_placed", provider_order_id=number).status_code == 200
    lost.refresh_from_db()
    assert lost.status == Status.UNKNOWN


def test_a_number_of_another_order_is_refused_in_the_dialog(boss, booster, buyer, followers, lost):
    booster.placed["x"] = "p0"
    taken = ordered(buyer, followers)
    answer = send(boss, lost, "it_was_placed", provider_order_id=taken.provider_order_id)
    assert "Another order has this number" in answer.content.decode()


def test_it_was_not_placed_refunds_once(boss, buyer, lost):
    for _ in range(2):
        send(boss, lost, "it_was_not_placed", reason="Not at the panel")
    lost.refresh_from_db()
    assert (lost.status, purse(buyer)[0]) == (Status.FAILED, FUNDS)
    assert "Not at the panel" in logged()
    assert Transaction.objects.get(kind="smm_refund").actor.startswith("staff:")


def test_asking_again_takes_what_the_provider_says(boss, booster, buyer, order):
    booster.says[order.provider_order_id] = OrderReport(Status.CANCELED)
    send(boss, order, "ask_again")
    order.refresh_from_db()
    assert (order.status, purse(buyer)[0], LogEntry.objects.count()) == (Status.CANCELED, FUNDS, 1)


def test_a_silent_provider_is_told_in_the_dialog(boss, order):
    assert "does not answer" in send(boss, order, "ask_again").content.decode()


def test_what_a_provider_did_after_the_end_is_dealt_with_once(boss, booster, buyer, order):
    report(booster, order, "completed")
    orders.take_report(order.pk, OrderReport(Status.CANCELED))
    assert shown(boss, SmmOrder, staff="contradicted") == [order.pk]
    assert "deal_with_it" in offered(boss, order)
    for _ in range(2):
        send(boss, order, "deal_with_it", reason="The panel has paid us back")
    assert shown(boss, SmmOrder, staff="contradicted") == []
    assert ("The panel has paid us back" in logged(), purse(buyer)[0]) == (True, FUNDS - PRICE)


def test_what_has_not_ended_cannot_be_dealt_with(boss, lost):
    assert "has not ended" in send(boss, lost, "deal_with_it").content.decode()


def test_cancel_and_refill_ask_the_provider_and_are_logged(boss, booster, order):
    send(boss, order, "cancel_it", reason="Asked by mail")
    assert "Asked by mail" in logged()
    report(booster, order, "completed")
    send(boss, order, "refill_it")
    assert (booster.calls[-1], LogEntry.objects.count()) == ("refill", 2)


def test_an_order_is_settled_by_hand(boss, buyer, order):
    assert send(boss, order, "settle_it", ending="partial").status_code == 200
    assert send(boss, order, "settle_it", ending="partial", remains="1001").status_code == 200
    assert purse(buyer)[0] == FUNDS - PRICE
    for _ in range(2):
        send(boss, order, "settle_it", ending="partial", remains="500", reason="The panel is gone")
    order.refresh_from_db()
    assert (order.status, purse(buyer)[0]) == (Status.PARTIAL, FUNDS - PRICE / 2)
    assert "The panel is gone" in logged()


def test_what_moves_money_needs_the_right_to_change_transactions(booster, order):
    clerk = client_with("view_smmorder", "change_smmorder")
    assert send(clerk, order, "settle_it", ending="canceled").status_code == 403
    report(booster, order, "completed")
    assert send(clerk, order, "refund_it", amount="0.1").status_code == 403


def test_a_refund_of_a_delivered_one_goes_through_once(boss, booster, buyer, order):
    report(booster, order, "completed")
    nonce = str(uuid.uuid4())
    for _ in range(2):
        send(boss, order, "refund_it", amount="0.2", nonce=nonce)
    assert (purse(buyer)[0], LogEntry.objects.count()) == (FUNDS - PRICE + Decimal("0.2"), 1)
    assert "Refunds would exceed" in send(boss, order, "refund_it", amount="0.31").content.decode()


def test_orders_are_read_only(boss, order):
    assert boss.post(page_url(order), {"status": "completed"}).status_code == 403
    assert boss.post(reverse("admin:activations_smmorder_add"), {}).status_code == 403


# --- Services ------------------------------------------------------------------------------------------------


FACTS = {
    "name": "Threads Likes",
    "category": "Threads",
    "provider": "sandbox",
    "provider_service_id": "99",
    "min_quantity": 10,
    "max_quantity": 1000,
    "cost": "0.2",
    "cost_currency": "USD",
    "is_active": "on",
}


def test_a_new_service_becomes_a_product(boss):
    assert boss.post(reverse("admin:catalog_smmservice_add"), FACTS).status_code == 302
    service = SmmService.objects.get()
    assert (service.product.kind, str(service.product), service.cost) == ("smm", "Threads Likes", Decimal("0.2"))


def test_a_price_is_added_with_who_and_why(boss, followers):
    assert boss.get(address(followers, "add_price")).status_code == 200
    sent = {"amount": "0.6", "currency": "USD", "note": "Dearer"}
    assert send(boss, followers, "add_price", **sent).status_code == 302
    newest = Price.objects.newest_first().first()
    assert (newest.amount, newest.note, newest.actor[:6]) == (Decimal("0.6"), "Dearer", "staff:")
    assert "0.6 USD" in boss.get(page_url(followers)).content.decode()
    assert "Dearer" in logged()


@pytest.mark.parametrize(
    "facts",
    [
        {"amount": "0"},
        {"amount": "-1"},
        {"amount": "x"},
        {"currency": "usd"},
        {"note": ""},
        {"customer": "999999"},
    ],
)
def test_a_price_that_makes_no_sense_is_refused_in_the_dialog(boss, followers, facts):
    send(boss, followers, "add_price", **{"amount": "0.6", "currency": "USD", "note": "x", **facts})
    assert Price.objects.count() == 1


def test_prices_need_the_right_to_add_them(followers):
    clerk = client_with("view_smmservice", "change_smmservice")
    assert send(clerk, followers, "add_price", amount="1", currency="USD", note="x").status_code == 403


def test_the_list_is_read_on_post_alone(boss, settings):
    url = reverse("admin:catalog_smmservice_sync_it")
    with running_panel() as panel:
        settings.SMM_PANEL_URL, settings.SMM_PANEL_KEY = panel.url, KEY
        assert boss.get(url).status_code == 200
        assert (SmmService.objects.count(), panel.asked) == (0, [])
        assert client_with("view_smmservice").post(url, {"_form_submitted": "on"}).status_code == 403
        assert boss.post(url, {"_form_submitted": "on"}).status_code == 302
    assert SmmService.objects.count() == 2
    assert len(shown(boss, SmmService, list="unpriced")) == len(shown(boss, SmmService, list="off")) == 2


def test_without_a_panel_the_list_cannot_be_read(boss):
    answer = boss.post(reverse("admin:catalog_smmservice_sync_it"), {"_form_submitted": "on"})
    assert "cannot be had" in answer.content.decode()


def test_another_cost_is_shown_until_somebody_accepts_it(boss, followers):
    SmmService.objects.update(previous_cost="0.2", cost_changed_at="2026-01-01T00:00:00Z")
    assert shown(boss, SmmService, list="cost") == [followers.pk]
    assert address(followers, "accept_it") in boss.get(page_url(followers)).content.decode()
    for _ in range(2):
        send(boss, followers, "accept_it")
    assert (shown(boss, SmmService, list="cost"), LogEntry.objects.count()) == ([], 1)
    assert address(followers, "accept_it") not in boss.get(page_url(followers)).content.decode()


def test_services_are_switched_off_and_on_by_a_post(boss, followers):
    gone = make_smm_service("Gone", is_active=False, vanished_at="2026-01-01T00:00:00Z")
    ids = [followers.pk, gone.pk]
    for action, expected in (("switch_off", [False, False]), ("switch_on", [True, False])):
        boss.post(list_url(SmmService), {"action": action, "_selected_action": ids})
        assert list(SmmService.objects.order_by("pk").values_list("is_active", flat=True)) == expected


def test_what_the_panel_says_is_not_edited_here(boss):
    listed = make_smm_service(provider="panel", min_quantity=5)
    assert boss.post(page_url(listed), FACTS | {"name": "Better name"}).status_code == 302
    listed.refresh_from_db()
    assert (listed.name, listed.min_quantity, listed.cost, listed.provider) == (
        "Better name",
        5,
        Decimal("0.3"),
        "panel",
    )


def test_services_are_never_deleted(boss, followers):
    assert (
        boss.post(reverse("admin:catalog_smmservice_delete", args=[followers.pk]), {"post": "yes"}).status_code == 403
    )
    assert admin.site.is_registered(SmmService)
