"""The ladder as a pure function, exhaustively; then the database on what matters."""

from itertools import combinations_with_replacement, permutations, product

import pytest
from django.db import IntegrityError, transaction

from notifications import services
from notifications.models import DeliveryReport, Message
from notifications.services import states
from notifications.tests.factories import (
    FUNDS,
    UNKNOWN,
    USD_PRICE,
    balance,
    differences,
    let_pass,
    movements,
    report,
    together,
    wish,
)

State = Message.State
Effect = DeliveryReport.Effect
SIX = ("queued", "sent", "delivered", "read", "failed", "undelivered")


def walk(words) -> list[str]:
    """Every state a message goes through under these reports."""
    path = [State.QUEUED]
    for word in words:
        if states.effect_of(path[-1], states.WORDS[word]) == Effect.APPLIED:
            path.append(states.WORDS[word])
    return path


def test_callbacks_in_every_order_and_number_end_in_one_state_with_at_most_one_refund():
    """All 720 orders of the six statuses, each status once to three times in all 729 ways, interleaved at the end."""
    counts = list(product((1, 2, 3), repeat=6))
    for order in permutations(SIX):
        once = walk(order)
        finals = [state for state in once if state in Message.FINAL]
        assert finals
        assert sum(states.gives_back(state, refund_undelivered=True, was_sent=True) for state in finals) <= 1
        assert finals in (finals[:1], [State.DELIVERED, State.READ])
        # Repeated in place or once more at the end, the same reports end in the same state.
        for numbers in counts[:: 97 if order[0] != "queued" else 29]:
            in_place = [word for word, number in zip(order, numbers, strict=True) for _ in range(number)]
            again = [*order, *(word for word, number in zip(order, numbers, strict=True) for _ in range(number - 1))]
            assert walk(in_place) == once
            assert walk(again)[-1] in {once[-1], State.READ if once[-1] == State.DELIVERED else once[-1]}


def test_a_state_never_falls():
    for current, reported in product(State, State):
        if states.effect_of(current, reported) == Effect.APPLIED:
            assert states.RANK[reported] > states.RANK[current]
            assert current not in Message.FINAL or (current, reported) == (State.DELIVERED, State.READ)


def test_another_end_contradicts_and_a_lower_step_is_late():
    for first, second in product(Message.FINAL, Message.FINAL):
        effect = states.effect_of(first, second)
        if first == second:
            assert effect == Effect.REPEATED
        elif {first, second} == {State.DELIVERED, State.READ}:
            assert effect == (Effect.APPLIED if first == State.DELIVERED else Effect.LATE)
        else:
            assert effect == Effect.CONTRADICTS
    assert states.effect_of(State.FAILED, State.SENT) == Effect.LATE


@pytest.mark.parametrize(
    ("order", "end", "refunded"),
    [
        (("queued", "sent", "delivered", "read", "failed", "undelivered"), "read", False),
        (("read", "delivered", "sent", "queued", "undelivered", "failed"), "read", False),
        (("delivered", "failed", "read", "sent", "undelivered", "queued"), "read", False),
        (("failed", "undelivered", "read", "delivered", "sent", "queued"), "failed", True),
        (("sent", "undelivered", "failed", "delivered", "read", "queued"), "undelivered", True),
    ],
)
@pytest.mark.parametrize("times", [1, 3])
def test_the_books_follow_the_ladder(provider, buyer, sent, order, end, refunded, times):
    for word in order:
        for _ in range(times):
            report(sent, word)

    sent.refresh_from_db()

    assert (sent.state, sent.billing) == (end, "refunded" if refunded else "charged")
    assert balance(buyer) == FUNDS - (0 if refunded else USD_PRICE)
    assert [kind for kind, _ in movements(sent)] == ["whatsapp_send", *(["whatsapp_refund"] if refunded else [])]
    assert DeliveryReport.objects.count() == 6
    assert set(DeliveryReport.objects.values_list("times", flat=True)) == {times}
    assert sent.is_contradicted
    assert differences() == []


def test_a_late_contradiction_is_kept_and_moves_no_money(provider, buyer, sent):
    report(sent, "delivered")

    said = report(sent, "undelivered", "63024")

    sent.refresh_from_db()
    assert (said.effect, sent.state, sent.is_contradicted) == (Effect.CONTRADICTS, "delivered", True)
    assert balance(buyer) == FUNDS - USD_PRICE


def test_an_unknown_word_is_kept_and_changes_nothing(provider, sent):
    said = report(sent, "partially_delivered")

    sent.refresh_from_db()
    assert (said.effect, sent.state) == (Effect.UNKNOWN, "queued")


def test_a_report_before_its_message_is_parked_and_applied_when_it_appears(provider, buyer, template):
    services.receive_report(sid=f"SM{0:032x}", status="undelivered", error_code="63024")
    parked = services.receive_report(sid=f"SM{0:032x}", status="sent")
    assert parked.effect == Effect.PARKED

    message = services.send(buyer=buyer, wanted=wish(template))

    assert (message.state, message.billing) == ("undelivered", "refunded")
    assert set(DeliveryReport.objects.values_list("effect", flat=True)) == {Effect.APPLIED, Effect.LATE}
    assert balance(buyer) == FUNDS
    assert differences() == []


def test_our_own_reference_names_a_message_whose_answer_was_lost(provider, buyer, template):
    provider.before = UNKNOWN
    lost = services.send(buyer=buyer, wanted=wish(template))
    assert lost.provider_message_id is None

    said = services.receive_report(sid="SM1", status="sent", reference=str(lost.uuid))

    lost.refresh_from_db()
    assert (said.effect, lost.state, lost.dispatch, lost.provider_message_id) == ("applied", "sent", "done", "SM1")


@pytest.mark.parametrize("reference", ["", "x", "00000000-0000-0000-0000-000000000000", "\ud800"])
def test_a_reference_that_names_nothing_parks_the_report(provider, sent, reference):
    said = services.receive_report(sid="SM-other", status="sent", reference=reference)

    assert said.effect == Effect.PARKED


def test_a_reference_cannot_rename_a_message(provider, sent):
    before = sent.provider_message_id

    services.receive_report(sid="SM-other", status="failed", reference=str(sent.uuid))

    sent.refresh_from_db()
    assert (sent.provider_message_id, sent.state) == (before, "queued")


def test_a_reference_brings_what_was_parked_for_that_id(provider, buyer, template):
    provider.before = UNKNOWN
    lost = services.send(buyer=buyer, wanted=wish(template))
    services.receive_report(sid="SM1", status="failed")

    services.receive_report(sid="SM1", status="sent", reference=str(lost.uuid))

    lost.refresh_from_db()
    assert (lost.state, lost.billing) == ("failed", "refunded")
    assert differences() == []


def test_seventy_two_hours_without_a_report_have_expired_and_give_back(provider, buyer, sent):
    report(sent, "sent")
    let_pass(sent, hours=71)
    services.settle_due()
    sent.refresh_from_db()
    assert sent.state == "sent"

    let_pass(sent, hours=1)
    services.settle_due()

    sent.refresh_from_db()
    assert (sent.state, sent.billing, balance(buyer)) == ("expired", "refunded", FUNDS)
    assert report(sent, "delivered").effect == Effect.CONTRADICTS
    assert balance(buyer) == FUNDS
    assert differences() == []


def test_a_policy_without_refunds_keeps_what_was_undelivered(provider, buyer, template):
    from catalog.models import NotificationProduct

    NotificationProduct.objects.update(refund_undelivered=False)
    message = services.send(buyer=buyer, wanted=wish(template))

    report(message, "undelivered")

    message.refresh_from_db()
    assert (message.billing, balance(buyer)) == ("charged", FUNDS - USD_PRICE)
    assert differences() == []


def test_the_database_keeps_a_final_state(provider, sent):
    report(sent, "delivered")

    with pytest.raises(IntegrityError, match="keep the report"), transaction.atomic():
        Message.objects.filter(pk=sent.pk).update(state="failed")


def test_the_database_keeps_messages_and_reports(provider, sent):
    said = report(sent, "sent")
    for row in (said, sent):
        with pytest.raises(IntegrityError), transaction.atomic():
            type(row).objects.filter(pk=row.pk)._raw_delete("default")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("pair", list(combinations_with_replacement(("failed", "undelivered", "sent"), 2)))
def test_two_callbacks_at_once_pay_once(provider, buyer, sent, pair):
    results = together(*(lambda word=word: report(sent, word) for word in pair))

    sent.refresh_from_db()
    assert not [result for result in results if isinstance(result, Exception)]
    refunds = [kind for kind, _ in movements(sent) if kind == "whatsapp_refund"]
    assert len(refunds) == (0 if set(pair) == {"sent"} else 1)
    assert differences() == []


@pytest.mark.django_db(transaction=True)
def test_a_report_and_the_answer_that_names_it_may_cross(provider, buyer, template):
    for number in range(6):
        sid = f"SM{number:032x}"
        _, message = together(
            lambda sid=sid: services.receive_report(sid=sid, status="failed"),
            lambda number=number: services.send(buyer=buyer, wanted=wish(template, to=f"+234801234567{number}")),
        )
        message.refresh_from_db()
        assert (message.provider_message_id, message.state, message.billing) == (sid, "failed", "refunded")
    assert balance(buyer) == FUNDS
    assert differences() == []


@pytest.mark.parametrize(("state", "was_sent", "given_back"), [
    ("expired", False, True), ("expired", True, False), ("undelivered", True, False), ("failed", True, True),
])  # fmt: skip
def test_a_policy_to_keep_the_money_holds_only_for_what_was_sent(state, was_sent, given_back):
    assert states.gives_back(state, refund_undelivered=False, was_sent=was_sent) == given_back
