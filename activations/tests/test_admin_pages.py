"""The back office's pages of rentals: stories, queues, the pool, and what staff can do."""

import uuid
from datetime import timedelta
from decimal import Decimal

import pytest
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from activations.models import Activation, InboundMessage, PoolLease, PoolNumber, SandboxNumber
from activations.providers import OutcomeUnknown
from activations.services import buy, cancel, receive_text
from activations.services.pool_numbers import add_numbers
from activations.tests.factories import FUNDS, PRICE, purse, wish
from catalog.tests.factories import make_country
from config.errors import InvalidInput
from wallets.models import Hold, Wallet
from wallets.services import set_alert_levels

pytestmark = pytest.mark.django_db
Status = Activation.Status


def client_with(*rights: str, superuser: bool = False) -> Client:
    user = get_user_model().objects.create_user(f"{uuid.uuid4()}@example.com", is_staff=True, is_superuser=superuser)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def boss(db) -> Client:
    return client_with(superuser=True)


@pytest.fixture
def order(provider, buyer, offer) -> Activation:
    return buy(buyer=buyer, wish=wish())


def text(order: Activation, message: str = "Your Telegram code is 482913", key: str = "sms-1") -> InboundMessage:
    return receive_text(provider="fake", provider_message_id=key, to=order.phone, text=message, sender="Telegram")


def unknown(provider, buyer) -> Activation:
    provider.after["order"] = OutcomeUnknown("silence")
    found = buy(buyer=buyer, wish=wish())
    provider.after.clear()
    return found


def late(order: Activation) -> InboundMessage:
    cancel(activation=order)
    return text(order, key="late-1")


def page_url(row) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def list_url(model: type) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def address(row, action: str) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_{action}", args=[row.pk])


def send(client: Client, row, action: str, **fields: object):
    given = {"_form_submitted": "on", "reason": "A good reason", "nonce": str(uuid.uuid4()), **fields}
    return client.post(address(row, action), given)


def shown(client: Client, model: type, **query: object) -> list[int]:
    return [row.pk for row in client.get(list_url(model), query).context["cl"].result_list]


# --- Every page -------------------------------------------------------------------------------------------


def test_every_page_of_the_back_office_opens_for_a_superuser(boss, provider, buyer, order):
    """Lists and first rows of every app, as the whole product registers them."""
    late(order)
    add_numbers(phones=["+12015550123"])
    for model in admin.site._registry:
        assert boss.get(list_url(model)).status_code == 200, model
        row = model._default_manager.first()
        if row is not None:
            assert boss.get(page_url(row), follow=True).status_code == 200, model
    assert boss.get(reverse("admin:index")).status_code == 200


@pytest.mark.parametrize("model", [Activation, InboundMessage, PoolNumber])
def test_whoever_has_no_right_sees_nothing_of_rentals(order, model):
    late(order)
    add_numbers(phones=["+12015550123"])
    row, nobody = model.objects.first(), client_with()

    assert [nobody.get(list_url(model)).status_code, nobody.get(page_url(row)).status_code] == [403, 403]
    assert Client().get(page_url(row)).status_code == 302
    assert "482913" not in nobody.get(page_url(row)).content.decode()


def test_rentals_are_read_only(boss, order):
    assert 'name="_save"' not in boss.get(page_url(order)).content.decode()
    assert boss.post(page_url(order), {"status": "finished", "price": "0"}).status_code == 403
    assert boss.post(reverse("admin:activations_activation_add"), {}).status_code == 403


def test_the_number_of_queries_of_the_list_does_not_grow_with_its_rows(boss, provider, buyer, offer, order):
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            boss.get(list_url(Activation))
        return len(captured)

    queries()
    few = queries()
    for _ in range(5):
        buy(buyer=buyer, wish=wish())
    assert queries() == few


def test_sandbox_numbers_have_a_page_in_development_only(boss, settings):
    assert admin.site.is_registered(SandboxNumber)
    settings.SANDBOX = False
    assert boss.get(list_url(SandboxNumber)).status_code == 403


# --- Finding ----------------------------------------------------------------------------------------------


def test_a_rental_is_found_by_number_uuid_phone_and_customer(boss, provider, buyer, offer, order):
    other = buy(buyer=buyer, wish=wish())
    spaced = f"{order.phone[:5]} {order.phone[5:]}"
    for term in (order.pk, f"#{order.pk}", order.uuid, order.phone, order.phone[1:], spaced):
        assert shown(boss, Activation, q=term) == [order.pk], term
    assert shown(boss, Activation, q="acme") == [other.pk, order.pk]
    assert shown(boss, Activation, q="globex") == []


def test_a_customer_is_found_by_a_number_they_rented(boss, order):
    page = boss.get(reverse("admin:wallets_customer_changelist"), {"q": order.phone})
    assert [row.pk for row in page.context["cl"].result_list] == [order.customer_id]


def test_rentals_are_filtered_by_status_and_need(boss, provider, buyer, order):
    lost = unknown(provider, buyer)
    Activation.objects.filter(pk=lost.pk).update(needs_staff=True)
    cancel(activation=order)

    assert shown(boss, Activation, status="unknown") == shown(boss, Activation, staff="yes") == [lost.pk]
    assert shown(boss, Activation, status="canceled") == [order.pk]
    assert shown(boss, Activation, status="open") == [lost.pk]
    assert shown(boss, Activation, mode="test") == []


# --- The story --------------------------------------------------------------------------------------------


def titles(client: Client, order: Activation) -> list[str]:
    return [step.title for step in client.get(page_url(order)).context["story"]]


def test_the_story_of_a_delivered_rental_is_told_in_order(boss, order):
    text(order)

    page = boss.get(page_url(order))

    assert titles(boss, order) == [
        "Requested", "Held 0.15 USD", "Provider called", f"Number {order.phone}", "SMS from Telegram, code 482913",
        "Captured 0.15 USD", "Next look",
    ]  # fmt: skip
    assert "Your Telegram code is 482913" in page.content.decode()
    assert page.context["account"].margin.startswith("0.")


def test_the_story_of_a_canceled_rental_ends_with_its_late_sms(boss, order):
    late(order)

    assert titles(boss, order)[-3:] == ["Released 0.15 USD", "Canceled", "SMS from Telegram, code 482913"]
    assert boss.get(page_url(order)).context["account"].taken == 0


def test_a_text_that_tries_to_be_html_is_shown_as_text(boss, order):
    text(order, message="<script>alert(1)</script> 482913")

    assert "<script>alert(1)" not in boss.get(page_url(order)).content.decode()


# --- Doing ------------------------------------------------------------------------------------------------


def test_cancel_gives_the_money_back_and_is_logged(boss, buyer, order):
    assert boss.get(address(order, "cancel_it")).status_code == 200
    assert purse(buyer) == (FUNDS, PRICE)

    for _ in range(2):
        assert send(boss, order, "cancel_it", reason="Asked by phone").status_code == 302

    assert purse(buyer) == (FUNDS, Decimal(0))
    assert "Asked by phone" in LogEntry.objects.get().get_change_message()


def test_a_rental_with_its_sms_cannot_be_canceled(boss, buyer, order):
    text(order)
    response = send(boss, order, "cancel_it")

    assert "can no longer be canceled" in response.content.decode()
    assert address(order, "cancel_it") not in boss.get(page_url(order)).content.decode()
    assert purse(buyer) == (FUNDS - PRICE, Decimal(0))


def test_asking_the_provider_again_resolves_an_unknown_one(boss, provider, buyer, offer):
    lost = unknown(provider, buyer)
    assert address(lost, "ask_again") in boss.get(page_url(lost)).content.decode()

    send(boss, lost, "ask_again", reason="A day is enough")

    lost.refresh_from_db()
    assert lost.status == Status.WAITING
    assert "A day is enough" in LogEntry.objects.get().get_change_message()


def test_a_refund_of_an_earned_one_goes_through_once(boss, buyer, order):
    text(order)
    nonce = str(uuid.uuid4())
    for _ in range(2):
        send(boss, order, "refund_it", amount="0.1", nonce=nonce, reason="The code was used")

    assert purse(buyer) == (FUNDS - PRICE + Decimal("0.1"), Decimal(0))
    order.refresh_from_db()
    given_back = order.charge.refunds.get()
    assert given_back.reference == f"activation:{order.pk}:staff-refund:{nonce}"
    assert LogEntry.objects.count() == 1
    assert "Refunds would exceed" in send(boss, order, "refund_it", amount="0.06").content.decode()


def test_nothing_is_refunded_where_nothing_was_taken(boss, buyer, order):
    assert "nothing to refund" in send(boss, order, "refund_it", amount="0.1").content.decode()
    assert purse(buyer) == (FUNDS, PRICE)


def test_a_refund_needs_the_right_to_change_transactions_too(order):
    text(order)
    clerk = client_with("view_activation", "change_activation")

    assert send(clerk, order, "refund_it", amount="0.1").status_code == 403
    assert address(order, "refund_it") not in clerk.get(page_url(order)).content.decode()


@pytest.mark.parametrize("action", ["cancel_it", "ask_again", "refund_it"])
def test_a_reader_of_rentals_can_do_nothing(order, action):
    reader = client_with("view_activation")

    assert reader.get(page_url(order)).status_code == 200
    assert send(reader, order, action, amount="0.1").status_code == 403
    assert address(order, action) not in reader.get(page_url(order)).content.decode()


def test_the_hold_of_an_open_rental_cannot_be_released_by_hand(boss, buyer, order):
    hold = Hold.objects.get()

    assert address(hold, "release_it") not in boss.get(page_url(hold)).content.decode()
    assert "belongs to an open order" in send(boss, hold, "release_it").content.decode()
    assert purse(buyer) == (FUNDS, PRICE)


def test_a_late_case_is_resolved_once_with_words(boss, order):
    message = late(order)
    assert shown(boss, InboundMessage, case="open") == [message.pk]

    assert send(boss, message, "resolve_it", resolution="  ").status_code == 200
    for words in ("Code sent by mail", "Something else"):
        send(boss, message, "resolve_it", resolution=words)

    message.refresh_from_db()
    assert message.resolution == "Code sent by mail"
    assert shown(boss, InboundMessage, case="open") == []
    assert LogEntry.objects.count() == 1


# --- The pool ---------------------------------------------------------------------------------------------


def many(client: Client, phones: str):
    return client.post(reverse("admin:activations_poolnumber_add_many"), {"_form_submitted": "on", "phones": phones})


def test_many_numbers_are_taken_in_with_their_countries(boss):
    make_country("US"), make_country("GB")

    assert many(boss, "+12015550123\n+1 (201) 555-0124, +447400123456\r\n\n").status_code == 302
    many(boss, "+12015550123")

    found = PoolNumber.objects.order_by("phone").values_list("phone", "country__code")
    assert list(found) == [("+12015550123", "US"), ("+12015550124", "US"), ("+447400123456", "GB")]


@pytest.mark.parametrize("bad", ["12015550123", "+1201555012", "hello", "+８８８", "+999123456789", "=1+1"])
def test_one_bad_number_takes_none_in_and_is_named(boss, bad):
    make_country("US")
    response = many(boss, f"+12015550123\n{bad}")

    assert response.status_code == 200
    assert "Not a valid number" in response.content.decode()
    assert not PoolNumber.objects.exists()


def test_numbers_of_an_operator_must_be_of_its_country(db):
    make_country("US")
    operator = make_country("GB").operators.create(name="EE", mcc="234", mnc="30")
    with pytest.raises(InvalidInput):
        add_numbers(phones=["+12015550123"], operator=operator)


def test_one_number_is_added_by_the_form(boss):
    make_country("US")
    add = reverse("admin:activations_poolnumber_add")

    assert boss.post(add, {"phone": "+1 201 555 0123", "operator": ""}).status_code == 302
    assert boss.post(add, {"phone": "12345", "operator": ""}).status_code == 200
    assert PoolNumber.objects.get().phone == "+12015550123"


def test_numbers_are_switched_off_and_on_by_a_post(boss):
    make_country("US")
    add_numbers(phones=["+12015550123", "+12015550124"])
    ids = list(PoolNumber.objects.values_list("pk", flat=True))
    for action, active in (("switch_off", False), ("switch_on", True)):
        boss.post(list_url(PoolNumber), {"action": action, "_selected_action": ids})
        assert set(PoolNumber.objects.values_list("is_active", flat=True)) == {active}


def test_the_pool_says_which_number_is_free(boss, order):
    make_country("US")
    add_numbers(phones=["+12015550123", "+12015550124", "+12015550125"])
    free, leased, resting = PoolNumber.objects.order_by("phone")
    PoolLease.objects.create(number=leased, reference=str(order.uuid))
    PoolNumber.objects.filter(pk=resting.pk).update(free_from=timezone.now() + timedelta(days=1))

    assert shown(boss, PoolNumber, stock="free") == [free.pk]
    assert shown(boss, PoolNumber, stock="leased") == [leased.pk]
    assert shown(boss, PoolNumber, stock="quarantine") == [resting.pk]
    assert page_url(order) in boss.get(page_url(leased)).content.decode()


def test_without_the_right_to_add_numbers_nothing_is_taken_in():
    make_country("US")
    assert many(client_with("view_poolnumber"), "+12015550123").status_code == 403
    assert not PoolNumber.objects.exists()


# --- The dashboard ----------------------------------------------------------------------------------------


def test_the_dashboard_says_what_the_day_brought_and_what_waits(boss, provider, buyer, order):
    text(order)
    lost = unknown(provider, buyer)
    Activation.objects.filter(pk=lost.pk).update(needs_staff=True)
    set_alert_levels(wallet=Wallet.objects.get(pk=buyer.wallet_id), levels=[Decimal(500), Decimal(1)])

    page = boss.get(reverse("admin:index"))

    day = page.context["days"][0]
    assert (day.currency, day.revenue, day.deposits, day.held, day.holds) == ("USD", PRICE, FUNDS, PRICE, 1)
    assert {queue.title: queue.count for queue in page.context["queues"]} == {
        "Outcome unknown": 1, "Needs staff": 1, "Late SMS": 0, "SMM orders": 0,
        "Templates to approve": 0, "Senders to approve": 0, "Contradicting reports": 0, "Webhooks given up": 0,
    }  # fmt: skip
    assert [(code, count) for code, _, count, _ in page.context["states"]] == [("unknown", 1), ("received", 1)]
    assert len(page.context["low_wallets"]) == 1
    for queue in page.context["queues"]:
        assert len(boss.get(queue.url).context["cl"].result_list) == queue.count


def test_refunds_of_the_day_lower_its_revenue(boss, order):
    text(order)
    send(boss, order, "refund_it", amount="0.15")

    assert boss.get(reverse("admin:index")).context["days"][0].revenue == 0


def test_the_dashboard_shows_each_person_only_what_they_may_see(order):
    page = client_with("view_activation").get(reverse("admin:index"))

    assert "states" in page.context
    assert "days" not in page.context
    assert "low_wallets" not in page.context
    assert "Transactions" not in page.content.decode()


def test_every_line_of_the_menu_leads_somewhere(boss):
    page = boss.get(reverse("admin:index"))
    links = [str(line["link_callback"]) for group in page.context["sidebar_navigation"] for line in group["items"]]

    assert len(links) > 20
    assert all(boss.get(link).status_code == 200 for link in links)


def test_a_browser_gets_a_page_of_ours_where_nothing_is(boss):
    page = boss.get("/nothing/here", headers={"Accept": "text/html"})

    assert page.status_code == 404
    assert "There is nothing at this address." in page.content.decode()
    assert settings.STATIC_URL in page.content.decode()
