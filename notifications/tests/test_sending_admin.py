"""The back office's pages of sendings: progress, money, each recipient's story, taking back the rest."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.admin.models import LogEntry
from django.utils import timezone

from notifications import services
from notifications.models import Chunk, Message, Route, Sending
from notifications.tests.factories import balance, make_buyer
from notifications.tests.sending_factories import DANE, REFUSED, UNDELIVERED, hand_over_and_report, make_sms_world, wish
from notifications.tests.test_admin import act, client_with, list_url, page_url, read
from wallets.models import Hold, Transaction, Wallet

pytestmark = pytest.mark.django_db
FUNDS = Decimal(100)


@pytest.fixture
def boss(db):
    return client_with(superuser=True)


@pytest.fixture
def buyer(db, settings):
    settings.SANDBOX_DELAY_SECONDS = 0
    make_sms_world()
    return make_buyer(funds=FUNDS)


@pytest.fixture
def sending(buyer) -> Sending:
    return services.create_sending(buyer=buyer, wanted=wish([DANE, REFUSED, UNDELIVERED]))


@pytest.fixture
def scheduled(buyer) -> Sending:
    later = timezone.now() + timedelta(hours=1)
    return services.create_sending(buyer=buyer, wanted=wish([DANE], scheduled_at=later))


def test_every_list_and_page_opens_at_every_step(boss, sending, scheduled):
    for step in (lambda: None, services.dispatch_due, hand_over_and_report):
        step()
        for row in (sending, scheduled, Chunk.objects.first(), *Message.objects.all(), *Transaction.objects.all()):
            read(boss, list_url(type(row)))
            read(boss, page_url(row))


def test_a_sendings_page_tells_its_recipients_and_its_money(boss, sending):
    hand_over_and_report()

    page = read(boss, page_url(sending))
    for word in ("3 recipients", "Handed to sandbox", "1 delivered", "1 failed", "1 undelivered", "Completed", "Hello"):
        assert word in page, word
    for word in ("held 0.09", "captured 0.06 USD", "released 0.03 USD", "0.02 USD"):
        assert (word in page) == (word != "held 0.09"), word
    assert "3: 1 reached, 2 not" in read(boss, list_url(Sending))


def test_a_recipients_page_leads_to_its_sending_and_says_what_was_taken(boss, sending):
    hand_over_and_report()
    message = Message.objects.get(to=DANE)

    page = read(boss, page_url(message))
    for word in (f"one of 3 of sending #{sending.pk}", "Captured", "0.03 USD of it for this message", "Hello"):
        assert word in page, word


@pytest.mark.parametrize("term", [DANE, DANE[1:], "Acme", "{pk}", "{uuid}"])
def test_a_sending_is_found_by_number_uuid_recipient_and_customer(boss, sending, term):
    other = services.create_sending(buyer=make_buyer(name="Other"), wanted=wish(["+4520999999"]))

    page = read(boss, f"{list_url(Sending)}?q={term.format(pk=sending.pk, uuid=sending.uuid).replace('+', '%2B')}")

    assert page_url(sending) in page
    assert page_url(other) not in page


def test_the_lists_narrow_to_a_sending_or_chunk(boss, sending, scheduled):
    for query, there in ((f"?sending={sending.pk}", True), (f"?sending={scheduled.pk}", False), ("?sending=x", False)):
        assert (REFUSED in read(boss, list_url(Message) + query)) == there
    chunk = sending.chunks.get()
    assert REFUSED in read(boss, f"{list_url(Message)}?chunk={chunk.pk}")
    assert page_url(chunk) in read(boss, f"{list_url(Chunk)}?sending={sending.pk}")


def test_staff_take_back_the_rest_and_the_log_says_why(boss, buyer, scheduled):
    assert act(boss, scheduled, "cancel_it").status_code in {200, 302}

    scheduled.refresh_from_db()
    wallet = Wallet.objects.get(pk=buyer.wallet_id)
    assert (scheduled.status, wallet.held, balance(buyer)) == ("canceled", 0, FUNDS)
    assert "A good reason" in LogEntry.objects.get().change_message
    assert "cancel-it" not in read(boss, page_url(scheduled))


def test_only_who_may_change_sendings_may_cancel(buyer, scheduled):
    viewer = client_with("view_sending")
    read(viewer, page_url(scheduled))

    act(viewer, scheduled, "cancel_it")

    scheduled.refresh_from_db()
    assert scheduled.status == "pending"


def test_the_hold_of_an_open_sending_is_not_released_by_hand(boss, sending):
    hold = Hold.objects.get()
    act(boss, hold, "release_it")

    hold.refresh_from_db()
    assert hold.status == "active"


def test_staff_make_a_route_that_customers_can_then_name(boss, buyer):
    fields = {"channel": "sms", "name": "infobip", "provider": "sandbox", "priority": "1", "is_active": "on"}
    answer = boss.post(f"{list_url(Route)}add/", fields)

    assert answer.status_code == 302, answer.context["adminform"].errors
    assert services.create_sending(buyer=buyer, wanted=wish([DANE], route="infobip")).route == "infobip"
    assert "infobip" in read(boss, list_url(Route))
