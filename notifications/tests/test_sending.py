"""Sending: money first, one call, every answer of the provider, and what a crash leaves behind."""

import threading
from contextlib import contextmanager
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from catalog.models import NotificationProduct, Price
from catalog.tests.factories import make_price_list
from config.errors import InvalidInput
from notifications import services
from notifications.errors import (
    NotPriced,
    ProviderRefused,
    RequestInProgress,
    SenderNotReady,
    SendInProgress,
    TemplateNotReady,
)
from notifications.models import Message, Sender
from notifications.providers import ProviderError, Standing
from notifications.services import answers, dispatching, texts
from notifications.tests.factories import (
    FUNDS,
    NGN_PRICE,
    UNKNOWN,
    USD_PRICE,
    Crash,
    balance,
    customer_of,
    differences,
    let_pass,
    make_buyer,
    make_draft,
    make_sender,
    make_template,
    movements,
    report,
    together,
    wish,
)
from wallets.errors import InsufficientFunds
from wallets.models import Event, Transaction


def test_a_message_is_charged_in_the_call_and_handed_over_outside_any_transaction(provider, buyer, template):
    message = services.send(buyer=buyer, wanted=wish(template))

    assert (message.state, message.dispatch, message.billing) == ("queued", "done", "charged")
    assert message.provider_message_id == f"SM{0:032x}"
    assert movements(message) == [("whatsapp_send", -USD_PRICE)]
    assert (provider.requests[0].reference, provider.requests[0].body) == (str(message.uuid), "Your code is 123456.")
    assert differences() == []


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_while_the_provider_is_called(provider, buyer, template):
    services.send(buyer=buyer, wanted=wish(template))

    assert provider.in_transaction == [False]


def test_the_price_in_ngn_is_converted_at_the_stored_rate_and_the_statement_says_so(provider, buyer, template):
    message = services.send(buyer=buyer, wanted=wish(template))

    charge = Transaction.objects.get(pk=message.charge_id)
    assert (charge.amount, charge.currency) == (USD_PRICE, "USD")
    assert (charge.original_amount, charge.original_currency) == (NGN_PRICE, "NGN")
    assert charge.rate == Decimal("0.000625")
    assert charge.credit.code == "revenue:whatsapp"


def test_a_wallet_in_ngn_pays_the_price_itself(provider):
    buyer = make_buyer(Decimal(50), currency="NGN")
    message = services.send(buyer=buyer, wanted=wish(make_template(buyer.customer_id)))

    charge = Transaction.objects.get(pk=message.charge_id)
    assert (balance(buyer), charge.original_currency, charge.rate) == (Decimal(30), None, None)


def test_a_price_list_and_a_price_in_dollars_lead_to_ngn_first(provider, buyer, template):
    product = NotificationProduct.objects.get(category="authentication")
    Price.objects.create(
        product_id=product.pk, price_list=make_price_list("VIP", customer_of(buyer)), amount=Decimal("0.01"),
        currency="USD",
    )  # fmt: skip

    message = services.send(buyer=buyer, wanted=wish(template))

    assert (message.unit_price, message.original_currency, message.price) == (Decimal(16), "NGN", Decimal("0.01"))


def test_without_a_price_nothing_is_sent(provider, buyer, template):
    NotificationProduct.objects.update(is_active=False)

    with pytest.raises(NotPriced):
        services.send(buyer=buyer, wanted=wish(template))
    assert not Message.objects.exists()


def test_not_enough_money_says_how_much_and_leaves_nothing(provider):
    poor = make_buyer(Decimal("0.01"))

    with pytest.raises(InsufficientFunds) as refusal:
        services.send(buyer=poor, wanted=wish(make_template(poor.customer_id)))

    assert refusal.value.facts == {"required": USD_PRICE, "available": Decimal("0.01"), "currency": "USD"}
    assert not Message.objects.exists()
    assert provider.requests == []


@pytest.mark.parametrize("mode", ["test", "dryrun"])
def test_test_and_dry_run_move_no_money_and_reach_no_provider(provider, mode):
    poor = make_buyer(Decimal(0), mode=mode)

    message = services.send(buyer=poor, wanted=wish(make_template(poor.customer_id)))
    report(message, "undelivered")

    message.refresh_from_db()
    assert (message.provider, message.billing, message.state) == ("sandbox", "free", "undelivered")
    assert provider.requests == []
    assert differences() == []


# Validation


@pytest.mark.parametrize(
    "to",
    ["", "2348012345678", "+", "+1234567", "+1234567890123456", "+1234567890\n", "+12345678９", "+1 234567890", "\0"],
)
def test_a_recipient_is_a_plus_and_8_to_15_ascii_digits(provider, buyer, template, to):
    with pytest.raises(InvalidInput) as refusal:
        services.send(buyer=buyer, wanted=wish(template, to=to))

    assert list(refusal.value.errors) == ["to"]


@pytest.mark.parametrize("value", ["", "  ", "two\nlines", "tab\t", "five     spaces", "\u2028"])
def test_a_value_is_there_and_on_one_line(provider, buyer, template, value):
    with pytest.raises(InvalidInput) as refusal:
        services.send(buyer=buyer, wanted=wish(template, v1=value))

    assert list(refusal.value.errors) == ["variables.1"]


def test_all_that_is_wrong_is_said_at_once(provider, buyer):
    template = make_template(buyer.customer_id, body="{{1}} and {{2}}")

    with pytest.raises(InvalidInput) as refusal:
        services.send(buyer=buyer, wanted=wish(template, to="x", v1=""))

    assert list(refusal.value.errors) == ["to", "variables.1", "variables.2"]


def test_a_message_that_would_be_too_long_is_refused(provider, buyer, template):
    with pytest.raises(InvalidInput):
        services.send(buyer=buyer, wanted=wish(template, v1="x" * 1024))


def test_a_value_that_looks_like_a_placeholder_stays_as_it_is(provider, buyer):
    template = make_template(buyer.customer_id, body="{{1}}, not {{2}}")
    message = services.send(buyer=buyer, wanted=wish(template, v1="{{2}}", v2="{{1}} {% now %} {0}"))

    assert message.body == "{{2}}, not {{1}} {% now %} {0}"
    assert texts.render("{{1}}{{2}}", {"1": "{{2}}", "2": r"\1\g<1>"}) == r"{{2}}\1\g<1>"


def test_values_for_other_placeholders_are_ignored_and_not_kept(provider, buyer, template):
    message = services.send(buyer=buyer, wanted=wish(template, v2="unused"))

    assert message.variables == {"1": "123456"}


def test_a_strangers_template_does_not_exist(provider, buyer):
    theirs = make_template(make_buyer(name="Stranger").customer_id)

    with pytest.raises(InvalidInput) as refusal:
        services.send(buyer=buyer, wanted=wish(theirs))
    assert list(refusal.value.errors) == ["template_id"]


def test_only_an_approved_template_is_sent(provider, buyer, template):
    version = template.versions.get()
    draft = make_draft(buyer.customer_id, name="draft")
    for prepare in (
        lambda: services.pause(version=version, reason="Complaints", actor="staff:ann"),
        lambda: services.disable(version=version, reason="Complaints", actor="staff:ann"),
    ):
        prepare()
        with pytest.raises(TemplateNotReady):
            services.send(buyer=buyer, wanted=wish(template))
    with pytest.raises(TemplateNotReady):
        services.send(buyer=buyer, wanted=wish(draft))
    services.submit(template=draft)
    with pytest.raises(TemplateNotReady):
        services.send(buyer=buyer, wanted=wish(draft))


def test_an_edit_leaves_the_approved_version_in_force_until_it_is_approved(provider, buyer, template):
    edit = services.add_version(template=template, category="utility", body="New: {{1}}", examples={"1": "x"})
    before = services.send(buyer=buyer, wanted=wish(template))
    services.submit(template=template)
    services.approve(version=edit, actor="staff:ann")

    after = services.send(buyer=buyer, wanted=wish(template))

    assert (before.body, after.body) == ("Your code is 123456.", "New: 123456")
    assert (before.version.number, after.version.number) == (1, 2)


def test_validation_comes_before_readiness(provider, buyer):
    draft = make_draft(buyer.customer_id)

    with pytest.raises(InvalidInput):
        services.send(buyer=buyer, wanted=wish(draft, to="x"))


def test_the_customers_own_sender_goes_before_the_houses(provider, buyer, template):
    make_sender(make_buyer(name="Stranger").customer_id, "+12025550111")
    services.send(buyer=buyer, wanted=wish(template))
    make_sender(buyer.customer_id, "+12025550122")
    services.send(buyer=buyer, wanted=wish(template))

    assert [request.sender for request in provider.requests] == ["+12025550100", "+12025550122"]


def test_without_an_approved_sender_nothing_is_sent(provider, buyer, template):
    Sender.objects.update(status="disabled", reason="Blocked")

    with pytest.raises(SenderNotReady):
        services.send(buyer=buyer, wanted=wish(template))


def test_the_sandbox_is_never_paid_for_where_it_is_off(provider, buyer, template, settings):
    settings.SANDBOX = False
    Sender.objects.update(provider="sandbox")

    with pytest.raises(SenderNotReady):
        services.send(buyer=buyer, wanted=wish(template))


# The provider's answers


def test_a_clear_no_gives_the_money_back_at_once(provider, buyer, template):
    provider.before = ProviderError("20003")

    with pytest.raises(ProviderRefused):
        services.send(buyer=buyer, wanted=wish(template), idempotency_key="k")

    message = Message.objects.get()
    assert (message.state, message.billing, message.failure) == ("failed", "refunded", "20003")
    assert [kind for kind, _ in movements(message)] == ["whatsapp_send", "whatsapp_refund"]
    assert balance(buyer) == FUNDS
    assert differences() == []


def test_after_a_clear_no_the_same_key_may_be_tried_again(provider, buyer, template):
    provider.before = ProviderError("20003")
    with pytest.raises(ProviderRefused):
        services.send(buyer=buyer, wanted=wish(template), idempotency_key="k")
    provider.before = None

    again = services.send(buyer=buyer, wanted=wish(template), idempotency_key="k")

    assert again.state == "queued"


def test_a_recipient_who_cannot_be_reached_is_an_outcome_of_the_delivery(provider, buyer, template):
    provider.before = ProviderError("63024", about_recipient=True)

    message = services.send(buyer=buyer, wanted=wish(template))

    assert (message.state, message.billing, message.provider_message_id) == ("rejected", "refunded", None)
    assert balance(buyer) == FUNDS


def test_a_no_for_now_is_tried_again_with_backoff_and_sent_once(provider, buyer, template):
    provider.before = ProviderError("429", permanent=False)
    message = services.send(buyer=buyer, wanted=wish(template))
    assert (message.state, message.dispatch, message.billing) == ("accepted", "waiting", "charged")
    assert message.due_at > timezone.now()
    provider.before = None

    let_pass(message, seconds=10)
    services.dispatch_due()
    services.dispatch_due()

    message.refresh_from_db()
    assert (message.state, len(provider.requests), len(provider.taken)) == ("queued", 2, 1)
    assert differences() == []


def test_tries_are_counted_and_end_with_the_money_back(provider, buyer, template):
    provider.before = ProviderError("429", permanent=False)
    message = services.send(buyer=buyer, wanted=wish(template))
    for _ in range(answers.MOST_TRIES + 2):
        let_pass(message, seconds=1)
        services.dispatch_due()

    message.refresh_from_db()
    assert (message.state, message.billing, balance(buyer)) == ("failed", "refunded", FUNDS)
    assert len(provider.requests) == answers.MOST_TRIES


@pytest.mark.parametrize("trouble", [UNKNOWN, ValueError("a bug of the provider's")])
def test_an_unknown_outcome_keeps_the_money_and_is_never_sent_again(provider, buyer, template, trouble):
    provider.after = trouble
    message = services.send(buyer=buyer, wanted=wish(template))
    assert (message.dispatch, message.billing, message.provider_message_id) == ("unknown", "charged", None)

    let_pass(message, seconds=10)
    services.dispatch_due()
    services.settle_due()

    message.refresh_from_db()
    assert (message.state, message.provider_message_id, len(provider.requests)) == ("queued", f"SM{0:032x}", 1)
    assert differences() == []


def test_what_was_certainly_not_taken_is_sent_after_all_while_of_use(provider, buyer, template):
    provider.before = UNKNOWN
    message = services.send(buyer=buyer, wanted=wish(template))
    provider.before = None

    let_pass(message, seconds=10)
    services.settle_due()
    services.dispatch_due()

    message.refresh_from_db()
    assert (message.state, len(provider.taken)) == ("queued", 1)


def test_what_was_certainly_not_taken_is_given_back_when_it_is_of_no_use_any_more(provider, buyer, template):
    provider.before = UNKNOWN
    message = services.send(buyer=buyer, wanted=wish(template))

    let_pass(message, minutes=11)
    services.settle_due()

    message.refresh_from_db()
    assert (message.state, message.failure, message.billing, balance(buyer)) == (
        "failed", "not_taken", "refunded", FUNDS,
    )  # fmt: skip
    assert provider.taken == {}


def test_a_refusal_to_say_is_no_answer_and_the_money_stays(provider, buyer, template):
    provider.after, provider.at_find = UNKNOWN, ProviderError("not_configured")
    message = services.send(buyer=buyer, wanted=wish(template))

    let_pass(message, minutes=11)
    services.settle_due()

    message.refresh_from_db()
    assert (message.dispatch, message.billing, len(provider.requests)) == ("unknown", "charged", 1)


def test_what_nobody_can_prove_waits_for_staff_and_at_last_expires(provider, buyer, template):
    provider.before = provider.at_find = UNKNOWN
    message = services.send(buyer=buyer, wanted=wish(template))
    let_pass(message, hours=25)
    services.settle_due()
    message.refresh_from_db()
    assert (message.dispatch, message.needs_staff, message.billing) == ("unknown", True, "charged")

    let_pass(message, hours=48)
    services.settle_due()

    message.refresh_from_db()
    assert (message.state, message.billing, balance(buyer)) == ("expired", "refunded", FUNDS)
    assert differences() == []


def test_staff_give_up_a_message_and_a_late_yes_moves_no_money(provider, buyer, template):
    provider.after = provider.at_find = UNKNOWN
    message = services.send(buyer=buyer, wanted=wish(template))
    services.give_up(message=message, actor="staff:ann")
    assert balance(buyer) == FUNDS

    services.receive_report(sid="SM1", status="delivered", reference=str(message.uuid))

    message.refresh_from_db()
    assert (message.state, message.is_contradicted, message.provider_message_id) == ("failed", True, "SM1")
    assert balance(buyer) == FUNDS
    assert differences() == []


def test_the_pace_of_a_provider_is_kept_and_the_rest_waits(provider, buyer, template, settings):
    settings.MESSAGES_PER_SECOND = 1
    messages = [services.send(buyer=buyer, wanted=wish(template, to=f"+23480123456{n}0")) for n in range(4)]

    # The four may straddle a second, and then two had their turn.
    waiting = [message for message in messages if message.dispatch == "waiting"]
    assert len(waiting) in {2, 3}
    assert {message.attempts for message in waiting} == {0}


def test_one_time_passwords_go_before_the_rest(provider, buyer, template):
    provider.before = ProviderError("429", permanent=False)
    regular = make_template(buyer.customer_id, name="offer", category="marketing")
    late = services.send(buyer=buyer, wanted=wish(regular, to="+2348012345671"))
    otp = services.send(buyer=buyer, wanted=wish(template, to="+2348012345672"))
    provider.before = None
    provider.requests.clear()

    let_pass(late, seconds=60)
    let_pass(otp, seconds=30)
    services.dispatch_due()

    assert [request.to for request in provider.requests] == [otp.to, late.to]


# In flight, repeats, crashes


def test_a_second_send_to_the_recipient_waits_for_the_firsts_answer(provider, buyer, template):
    refusals = []

    def second() -> None:
        provider.before = None
        with pytest.raises(SendInProgress) as refusal:
            services.send(buyer=buyer, wanted=wish(template))
        refusals.append(refusal.value.facts)

    provider.before = second
    services.send(buyer=buyer, wanted=wish(template))

    assert refusals == [{"retry_after_seconds": 1}]
    assert services.send(buyer=buyer, wanted=wish(template)).state == "queued"
    assert balance(buyer) == FUNDS - 2 * USD_PRICE


def test_the_database_lets_one_message_be_in_flight_to_a_recipient(provider, buyer, template):
    first = services.send(buyer=buyer, wanted=wish(template))
    second = services.send(buyer=buyer, wanted=wish(template))
    Message.objects.filter(pk=first.pk).update(dispatch="calling")

    with pytest.raises(IntegrityError, match="message_one_in_flight_per_recipient"), transaction.atomic():
        Message.objects.filter(pk=second.pk).update(dispatch="waiting")


def test_the_same_key_is_one_message(provider, buyer, template):
    first = services.send(buyer=buyer, wanted=wish(template), idempotency_key="k")
    second = services.send(buyer=buyer, wanted=wish(template), idempotency_key="k")

    assert first.pk == second.pk
    assert balance(buyer) == FUNDS - USD_PRICE


def test_a_key_older_than_a_day_is_a_new_one(provider, buyer, template):
    first = services.send(buyer=buyer, wanted=wish(template), idempotency_key="k")
    let_pass(first, hours=25)

    assert services.send(buyer=buyer, wanted=wish(template), idempotency_key="k").pk != first.pk


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("key", [None, "k"])
def test_a_double_send_is_one_message_and_one_charge(provider, buyer, template, key):
    """The control: the same two sends to two recipients are two messages."""

    def send(to: str):
        return lambda: services.send(buyer=buyer, wanted=wish(template, to=to), idempotency_key=key and key + to)

    gate = threading.Event()
    # The provider takes its time, so that the second request meets the first in flight.
    provider.before = lambda: gate.wait(0.5)
    together(send("+2348012345678"), send("+2348012345678"))
    assert Message.objects.count() == len(provider.requests) == 1
    provider.before = None

    together(send("+2348012345601"), send("+2348012345602"))
    assert Message.objects.count() == 3
    assert balance(buyer) == FUNDS - 3 * USD_PRICE
    assert differences() == []


def test_a_crash_before_the_call_is_sent_by_the_tick_once(provider, buyer, template, monkeypatch):
    with dying_before_the_call(monkeypatch):
        services.send(buyer=buyer, wanted=wish(template))
    left = Message.objects.get()
    assert (left.dispatch, left.billing, balance(buyer)) == ("waiting", "charged", FUNDS - USD_PRICE)

    let_pass(left, seconds=10)
    services.dispatch_due()
    services.dispatch_due()

    left.refresh_from_db()
    assert (left.state, len(provider.requests)) == ("queued", 1)
    assert differences() == []


@pytest.mark.parametrize(("at", "calls"), [("before", 2), ("after", 1)])
def test_a_crash_during_the_call_is_found_out_and_sent_once(provider, buyer, template, at, calls):
    setattr(provider, at, Crash())
    with pytest.raises(Crash):
        services.send(buyer=buyer, wanted=wish(template), idempotency_key="k")
    setattr(provider, at, None)
    left = Message.objects.get()
    assert left.dispatch == "calling"
    with pytest.raises(RequestInProgress):
        services.send(buyer=buyer, wanted=wish(template), idempotency_key="k")

    let_pass(left, seconds=30)
    services.settle_due()
    services.dispatch_due()

    left.refresh_from_db()
    assert (left.state, len(provider.requests), len(provider.taken)) == ("queued", calls, 1)
    assert services.send(buyer=buyer, wanted=wish(template), idempotency_key="k").pk == left.pk
    assert differences() == []


def test_a_repeat_goes_on_where_a_crash_ended(provider, buyer, template, monkeypatch):
    with dying_before_the_call(monkeypatch):
        services.send(buyer=buyer, wanted=wish(template), idempotency_key="k")

    again = services.send(buyer=buyer, wanted=wish(template), idempotency_key="k")

    assert (again.state, Message.objects.count(), balance(buyer)) == ("queued", 1, FUNDS - USD_PRICE)


@contextmanager
def dying_before_the_call(monkeypatch):
    def crash(*_, **__):
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(dispatching, "start_calling", crash)
        with pytest.raises(Crash):
            yield


@pytest.mark.django_db(transaction=True)
def test_two_workers_hand_each_message_over_once(provider, buyer, template):
    provider.before = ProviderError("429", permanent=False)
    messages = [services.send(buyer=buyer, wanted=wish(template, to=f"+2348012345{n:03}")) for n in range(12)]
    provider.before = None
    provider.requests.clear()
    for message in messages:
        let_pass(message, seconds=60)

    together(services.dispatch_due, services.dispatch_due)

    assert sorted(request.to for request in provider.requests) == sorted(message.to for message in messages)
    assert set(Message.objects.values_list("state", flat=True)) == {"queued"}


def test_one_bad_message_does_not_stop_the_others(provider, buyer, template):
    provider.before = ProviderError("429", permanent=False)
    bad = services.send(buyer=buyer, wanted=wish(template, to="+2348012345601"))
    good = services.send(buyer=buyer, wanted=wish(template, to="+2348012345602"))

    def fail_for_bad():
        if provider.requests[-1].to == bad.to:
            raise ValueError

    provider.before = fail_for_bad
    let_pass(bad, seconds=60)
    let_pass(good, seconds=30)
    services.dispatch_due()

    good.refresh_from_db()
    assert good.state == "queued"


# Costs, events, retention


def test_the_providers_cost_is_booked_once_between_house_accounts(provider, buyer, sent):
    report(sent, "delivered")
    provider.standings[sent.provider_message_id] = Standing("delivered", "", Decimal("0.0042"), "USD")
    for _ in range(2):
        let_pass(sent, minutes=10)
        services.settle_due()

    booked = Transaction.objects.get(kind="provider_cost")
    sent.refresh_from_db()
    assert (booked.debit.code, booked.credit.code, booked.amount) == (
        "expense:provider", "payable:fake", Decimal("0.0042"),
    )  # fmt: skip
    assert (booked.wallet_id, sent.cost, sent.due_at) == (None, Decimal("0.0042"), None)
    assert differences() == []


def test_a_cost_that_never_comes_is_not_asked_for_for_ever(provider, buyer, sent):
    report(sent, "delivered")
    for _ in range(15):
        let_pass(sent, minutes=1)
        services.settle_due()

    sent.refresh_from_db()
    assert (sent.cost, sent.due_at) == (None, None)


def test_a_report_that_was_lost_is_asked_for(provider, buyer, sent):
    provider.standings[sent.provider_message_id] = Standing("undelivered", "63024")

    let_pass(sent, minutes=16)
    services.settle_due()

    sent.refresh_from_db()
    assert (sent.state, sent.failure, balance(buyer)) == ("undelivered", "63024", FUNDS)


def test_events_tell_each_step_once(provider, sent):
    for word in ("queued", "sending", "sent", "sent", "delivered", "read", "failed"):
        report(sent, word)

    events = Event.objects.filter(object_type="message").order_by("sequence")
    assert [event.kind for event in events] == ["message.queued", "message.sent", "message.delivered"]
    assert events.last().payload["message_sid"] == sent.provider_message_id
    assert not any(word in str(event.payload) for event in events for word in ("fake", "cost", "Your code"))


def test_texts_are_erased_after_their_time_and_the_rest_stays(provider, buyer, sent):
    let_pass(sent, days=31)

    assert services.erase_texts() == 1
    assert services.erase_texts() == 0

    sent.refresh_from_db()
    assert (sent.body, sent.variables, sent.to) == ("", {}, "+2348012345678")
    assert sent.erased_at


def test_the_audit_of_messages_can_fail(provider, buyer, sent):
    Message.objects.filter(pk=sent.pk).update(billing="refunded", cost=Decimal(1), cost_currency="USD", due_at=None)

    found = "\n".join(differences())

    for promise in ("A refunded message", "How a message ended", "What a provider took", "No message waits"):
        assert promise in found


def test_an_answer_that_belongs_to_another_message_is_no_answer(provider, buyer, sent, template):
    provider.taken.clear()  # the provider starts its ids anew

    other = services.send(buyer=buyer, wanted=wish(template, to="+2348012345602"))

    assert (other.dispatch, other.provider_message_id) == ("unknown", None)
