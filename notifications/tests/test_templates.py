"""Templates and senders: words that never change, a life cycle the database keeps, decisions with reasons."""

from itertools import product

import pytest
from django.db import IntegrityError, transaction

from config.errors import InvalidInput
from notifications import services
from notifications.errors import WrongState
from notifications.models import Channel, Sender, TemplateVersion
from notifications.services import texts
from notifications.tests.factories import CONTENT_SID, make_draft, make_template, together
from wallets.models import Event

pytestmark = pytest.mark.django_db
Status = TemplateVersion.Status
ALLOWED = {
    ("draft", "submitted"), ("submitted", "approved"), ("submitted", "rejected"), ("approved", "paused"),
    ("approved", "disabled"), ("paused", "approved"), ("paused", "disabled"),
}  # fmt: skip


@pytest.fixture
def submitted(buyer) -> TemplateVersion:
    return services.submit(template=make_draft(buyer.customer_id))


@pytest.mark.parametrize("change", [{"body": "x"}, {"examples": {}}, {"category": "utility"}, {"number": 9}])
@pytest.mark.parametrize("status", ["draft", "approved"])
def test_the_database_keeps_the_words_of_a_version(buyer, change, status):
    make = make_draft if status == "draft" else make_template
    version = make(buyer.customer_id).versions.get()

    with pytest.raises(IntegrityError, match="write another version"), transaction.atomic():
        TemplateVersion.objects.filter(pk=version.pk).update(**change)
    with pytest.raises(IntegrityError), transaction.atomic():
        TemplateVersion.objects.filter(pk=version.pk)._raw_delete("default")


@pytest.mark.parametrize(("before", "after"), list(product(Status.values, Status.values)))
def test_the_database_keeps_the_life_cycle(buyer, before, after):
    template = make_draft(buyer.customer_id)
    version = TemplateVersion.objects.create(
        template=template, number=2, category="utility", body="x", status=before, reason="Why"
    )

    def move():
        with transaction.atomic():
            return TemplateVersion.objects.filter(pk=version.pk).update(status=after)

    if before == after or (before, after) in ALLOWED:
        assert move() == 1
    else:
        with pytest.raises(IntegrityError):
            move()


def test_every_decision_begins_where_it_may(submitted):
    decide = {
        "approve": lambda: services.approve(version=submitted, actor="staff:ann"),
        "reject": lambda: services.reject(version=submitted, reason="Spam", actor="staff:ann"),
        "pause": lambda: services.pause(version=submitted, reason="Spam", actor="staff:ann"),
        "resume": lambda: services.resume_template(version=submitted, actor="staff:ann"),
        "disable": lambda: services.disable(version=submitted, reason="Spam", actor="staff:ann"),
    }
    may = {"submitted": {"approve", "reject"}, "approved": {"pause", "disable"}, "paused": {"resume", "disable"}}
    for status, step in (("submitted", "approve"), ("approved", "pause"), ("paused", "disable"), ("disabled", None)):
        submitted.refresh_from_db()
        assert submitted.status == status
        for name in decide.keys() - may.get(status, set()):
            with pytest.raises(WrongState):
                decide[name]()
        if step:
            decide[step]()


@pytest.mark.parametrize("reason", ["", "  "])
def test_a_refusal_says_why(submitted, reason):
    with pytest.raises(InvalidInput):
        services.reject(version=submitted, reason=reason, actor="staff:ann")
    with pytest.raises(IntegrityError), transaction.atomic():
        TemplateVersion.objects.filter(pk=submitted.pk).update(status="rejected")


def test_approval_and_rejection_are_told(buyer, submitted):
    services.approve(version=submitted, actor="staff:ann")
    other = services.submit(template=make_draft(buyer.customer_id, name="other"))
    services.reject(version=other, reason="Spam", actor="staff:ann")

    told = [
        (event.kind, event.payload["reason"]) for event in Event.objects.filter(object_type="template").order_by("id")
    ]
    assert told == [("template.approved", ""), ("template.rejected", "Spam")]


@pytest.mark.parametrize("content_sid", ["HX1", "hx" + "0" * 32, CONTENT_SID + "\n", "SM" + "0" * 32])
def test_a_content_sid_has_its_shape(submitted, content_sid):
    with pytest.raises(InvalidInput):
        services.approve(version=submitted, actor="staff:ann", provider_template_id=content_sid)


@pytest.mark.django_db(transaction=True)
def test_two_edits_at_once_are_two_versions(buyer):
    template = make_draft(buyer.customer_id)

    def edit():
        return services.add_version(template=template, category="utility", body="New", examples={})

    together(edit, edit, edit)

    assert sorted(template.versions.values_list("number", flat=True)) == [1, 2, 3, 4]


@pytest.mark.django_db(transaction=True)
def test_two_decisions_at_once_are_one(submitted):
    results = together(
        lambda: services.approve(version=submitted, actor="staff:ann"),
        lambda: services.reject(version=submitted, reason="Spam", actor="staff:bob"),
    )

    assert [type(result) for result in results].count(WrongState) == 1
    assert Event.objects.filter(object_type="template").count() == 1


@pytest.mark.parametrize(
    ("body", "names"),
    [("", []), ("{{2}} {{1}} {{2}}", ["1", "2"]), ("{{10}} {{9}}", ["9", "10"]), ("{{0}} {1} {{ 1 }} {{１}}", [])],
)
def test_placeholders_are_counted_once_and_in_order(body, names):
    assert texts.placeholders(body) == names


# Senders


def ask(customer_id, address="+12025550199", channel=Channel.WHATSAPP) -> Sender:
    return services.request_sender(customer_id=customer_id, channel=channel, address=address)


def test_a_sender_goes_from_requested_to_approved_disabled_and_back(buyer):
    sender = ask(buyer.customer_id)
    services.approve_sender(sender=sender, provider="sandbox", actor="staff:ann")
    services.disable_sender(sender=sender, reason="Complaints", actor="staff:ann")
    with pytest.raises(WrongState):
        services.reject_sender(sender=sender, reason="Spam", actor="staff:ann")

    again = services.approve_sender(sender=sender, provider="sandbox", actor="staff:ann")

    assert (again.status, again.reason) == ("approved", "")


def test_a_rejected_sender_may_be_asked_for_anew(buyer):
    first = ask(buyer.customer_id)
    services.reject_sender(sender=first, reason="Not yours", actor="staff:ann")

    assert ask(buyer.customer_id).pk != first.pk
    assert ask(buyer.customer_id).pk == ask(buyer.customer_id).pk


def test_the_house_has_a_sender_once(db):
    assert ask(None).pk == ask(None).pk
    with pytest.raises(IntegrityError), transaction.atomic():
        Sender.objects.create(customer=None, channel="whatsapp", address="+12025550199")


@pytest.mark.parametrize("provider", ["", "nobody", "sandbox"])
def test_a_sender_is_carried_by_a_provider_there_is(buyer, settings, provider):
    settings.SANDBOX = False
    with pytest.raises(InvalidInput):
        services.approve_sender(sender=ask(buyer.customer_id), provider=provider, actor="staff:ann")


def test_an_approved_sender_names_its_provider(buyer):
    sender = ask(buyer.customer_id)
    with pytest.raises(IntegrityError), transaction.atomic():
        Sender.objects.filter(pk=sender.pk).update(status="approved")
