"""A test that really goes out costs its customer nothing and the operator something: that is in the books."""

from decimal import Decimal

import pytest

from notifications import providers, services
from notifications.models import Message, Sending
from notifications.tests.factories import FakeProvider, differences, make_buyer
from notifications.tests.sending_factories import make_sms_world, numbers, settle, wish
from wallets.models import Hold, Transaction
from wallets.services import Buyer

pytestmark = pytest.mark.django_db
PHONE = "+4599999999"
COST = Decimal("0.01")


@pytest.fixture
def carrier(monkeypatch) -> FakeProvider:
    fake = FakeProvider()
    monkeypatch.setitem(providers.PROVIDERS, "fake", fake)
    make_sms_world(provider="fake")
    return fake


@pytest.fixture
def tester(carrier, settings) -> Buyer:
    settings.PROVIDER_CALLS_AT_ONCE = 1
    return make_buyer(funds=Decimal(0), mode="test")


def send(buyer, count, **facts) -> Sending:
    sending = services.create_sending(buyer=buyer, wanted=wish(numbers(count), **facts))
    services.dispatch_due()
    return sending


def report(status: str, *messages: Message) -> None:
    for message in messages:
        services.receive_report(sid=message.provider_message_id, status=status)


def booked() -> list[tuple[str, str, Decimal]]:
    rows = Transaction.objects.order_by("id")
    return [(row.debit.code, row.credit.code, row.amount) for row in rows.select_related("debit", "credit")]


def test_what_a_test_costs_is_booked_once_it_is_sent_and_only_once(tester):
    send(tester, 3, redirect_to=PHONE)
    settle()
    assert booked() == []

    first, second, third = Message.objects.order_by("id")
    report("sent", first, second)
    settle()
    report("delivered", first, second, third)
    settle()
    settle()

    cost = ("expense:provider", "payable:fake")
    assert booked() == [(*cost, 2 * COST), (*cost, COST)]
    assert (Hold.objects.count(), set(Message.objects.values_list("billing", flat=True))) == (0, {"free"})
    assert differences() == []


def test_what_the_carrier_did_not_have_costs_nothing(tester):
    send(tester, 2, redirect_to=PHONE)
    report("failed", *Message.objects.all())
    settle()
    assert booked() == []
    assert differences() == []


@pytest.mark.parametrize("mode", ["test", "dryrun"])
def test_what_is_only_played_costs_nothing(carrier, settings, mode):
    settings.SANDBOX_DELAY_SECONDS = 0
    send(make_buyer(funds=Decimal(0), mode=mode), 2)
    report("delivered", *Message.objects.all())
    settle()
    assert booked() == []
    assert differences() == []


def test_the_audit_misses_what_is_not_booked(tester):
    send(tester, 1, redirect_to=PHONE)
    report("delivered", *Message.objects.all())
    settle()

    Message.objects.update(is_free_cost_booked=False)

    found = "\n".join(differences())
    assert "nobody pays for" in found
    assert "What a provider is expected" in found
