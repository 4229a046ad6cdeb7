"""E-mails end to end: from the wish to the mail server's socket, the money, and who is not sent to."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.utils import timezone

from catalog.models import NotificationProduct, Price
from catalog.services.notifications import create_notification_product
from catalog.tests.factories import LONG_AGO
from notifications import services
from notifications.models import Message, Sender, Sending
from notifications.services import SendingWanted
from notifications.tests.factories import balance, differences, make_buyer
from notifications.tests.mail_server import running
from wallets.models import Event, Wallet

pytestmark = pytest.mark.django_db(transaction=True)
PRICE = Decimal("0.001")
FUNDS = Decimal(1)
ANN, BOB, EVE = "ann@example.org", "bob@example.org", "Eve@Example.org"


@pytest.fixture
def server(settings):
    with running() as (server, port):
        settings.SMTP_URL, settings.EMAIL_HOST, settings.EMAIL_PORT = "smtp://here", "127.0.0.1", port
        yield server


@pytest.fixture
def buyer(server):
    product = create_notification_product(category=NotificationProduct.Category.EMAIL)
    Price.objects.create(product_id=product.pk, amount=PRICE, currency="USD", effective_from=LONG_AGO)
    Sender.objects.create(channel="email", address="info@example.com", status="approved", provider="smtp")
    return make_buyer(funds=FUNDS)


def send(buyer, *recipients: str, **facts) -> Sending:
    text = '<p>Hello, <a href="https://shop.example/">look</a></p>'
    wanted = {"channel": "email", "recipients": recipients, "text": text, "subject": "Hello", "from_name": "Shop"}
    return services.create_sending(buyer=buyer, wanted=SendingWanted(**wanted | facts))


def work() -> None:
    services.dispatch_due()
    services.settle_chunks()


def opt_out(buyer, address: str) -> None:
    services.suppress(
        customer_id=buyer.customer_id, channel="email", address=address, reason="opted_out", actor="recipient"
    )


def outcome(sending: Sending) -> dict[str, str]:
    rows = Message.objects.filter(chunk__sending=sending).order_by("id")
    return {row.to: f"{row.state} {row.billing}" for row in rows}


def money(buyer) -> tuple[Decimal, Decimal]:
    return balance(buyer), Wallet.objects.get(pk=buyer.wallet_id).held


def test_each_recipient_gets_a_mail_of_its_own_and_is_charged(buyer, server):
    sending = send(buyer, ANN, BOB)
    work()
    assert sorted(str(mail["To"]) for mail in server.mails()) == [ANN, BOB]
    assert {str(mail["From"]) for mail in server.mails()} == {"Shop <info@example.com>"}
    assert outcome(sending) == {ANN: "sent charged", BOB: "sent charged"}
    assert money(buyer) == (FUNDS - 2 * PRICE, 0)
    assert differences() == []


def test_who_is_suppressed_is_neither_sent_to_nor_charged(buyer, server):
    opt_out(buyer, EVE.lower())
    sending = send(buyer, ANN, EVE)
    assert sending.price == PRICE
    work()
    assert [str(mail["To"]) for mail in server.mails()] == [ANN]
    assert outcome(sending) == {ANN: "sent charged", EVE: "rejected free"}
    assert money(buyer) == (FUNDS - PRICE, 0)


def test_who_opts_out_before_a_scheduled_time_is_not_sent_to_and_the_money_goes_back(buyer, server):
    sending = send(buyer, ANN, BOB, scheduled_at=timezone.now() + timedelta(hours=1))
    opt_out(buyer, BOB)
    Message.objects.update(due_at=timezone.now())
    work()
    assert [str(mail["To"]) for mail in server.mails()] == [ANN]
    assert outcome(sending) == {ANN: "sent charged", BOB: "rejected released"}
    assert money(buyer) == (FUNDS - PRICE, 0)
    assert not Event.objects.filter(kind="message.bounced").exists()
    assert differences() == []


def test_who_comes_back_is_sent_to_again(buyer, server):
    opt_out(buyer, ANN)
    services.lift(suppression=services.suppress(
        customer_id=buyer.customer_id, channel="email", address=ANN, reason="opted_out", actor="recipient"
    ), actor="staff:ann")  # fmt: skip
    send(buyer, ANN)
    work()
    assert len(server.mails()) == 1


def test_a_bounce_at_the_door_gives_the_money_back_and_is_remembered(buyer, server):
    server.at["rcpt"] = "550 5.1.1 Nobody"
    first = send(buyer, ANN)
    work()
    assert outcome(first) == {ANN: "rejected released"}
    server.at.clear()
    assert outcome(send(buyer, ANN)) == {ANN: "rejected free"}
    assert money(buyer) == (FUNDS, 0)


def test_the_link_in_the_mail_unsubscribes(buyer, server):
    send(buyer, ANN)
    work()
    url = str(server.mail()["List-Unsubscribe"]).strip("<>")
    Client(enforce_csrf_checks=True).post("/u/" + url.rsplit("/", 1)[1], {"List-Unsubscribe": "One-Click"})
    assert outcome(send(buyer, ANN)) == {ANN: "rejected free"}


def test_an_sms_recipient_is_not_held_back_for_e_mail(buyer, server):
    services.hear(customer_id=buyer.customer_id, sender="+254711000001", text="STOP")
    send(buyer, ANN)
    work()
    assert len(server.mails()) == 1


def test_in_test_mode_the_mail_goes_to_the_test_address_and_is_free(buyer, server):
    tester = make_buyer(funds=0, mode="test", name="Tester")
    sending = send(tester, ANN, redirect_to="qa@example.net")
    work()
    assert [str(mail["To"]) for mail in server.mails()] == ["qa@example.net"]
    assert outcome(sending) == {ANN: "sent free"}


def test_a_mail_whose_answer_is_lost_is_unknown_and_never_sent_twice(buyer, server):
    server.at["data"] = "cut"
    send(buyer, ANN)
    work()
    message = Message.objects.get()
    Message.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    services.settle_due()
    work()
    message.refresh_from_db()
    assert (message.dispatch, message.billing, len(server.envelopes)) == ("unknown", "held", 1)
    assert differences() == []


@pytest.mark.parametrize("calls_at_once", [1, 4])
def test_a_sending_shares_its_connections_and_one_that_dies_takes_only_its_own_mail(
    buyer, server, settings, calls_at_once
):
    settings.PROVIDER_CALLS_AT_ONCE = calls_at_once
    nobody, cut, dropped = "nobody@example.org", "cut@example.org", "dropped@example.org"
    server.for_recipient = {
        nobody: {"rcpt": "550 5.1.1 Nobody"}, cut: {"data": "cut"}, dropped: {"rcpt": "cut"},
    }  # fmt: skip
    others = [f"reader{number}@example.org" for number in range(30)]
    sending = send(buyer, *others[:10], cut, *others[10:20], nobody, dropped, *others[20:])

    services.dispatch_due(seconds=60)
    services.settle_chunks()

    assert outcome(sending) == dict.fromkeys(others, "sent charged") | {
        nobody: "rejected released", cut: "accepted held", dropped: "accepted held",
    }  # fmt: skip
    where = dict(Message.objects.filter(to__in=[cut, dropped]).values_list("to", "dispatch"))
    assert where == {cut: "unknown", dropped: "waiting"}  # the server may have the one, and has not the other
    # A line is left after a mail that went wrong on it, and no mail is given twice.
    assert server.connections <= calls_at_once + 5
    assert sorted(envelope.rcpt_tos[-1] for envelope in server.envelopes) == sorted([*others, cut])
    assert differences() == []
