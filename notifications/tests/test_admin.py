"""The back office's pages of messages: queues with previews, stories with money and margin, decisions by dialogs."""

import uuid
from decimal import Decimal

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from catalog.models import NotificationProduct, Price
from notifications import services
from notifications.admin import messages
from notifications.models import DeliveryReport, Message, SandboxMessage, Sender, TemplateVersion
from notifications.providers import Standing
from notifications.tests.factories import (
    CONTENT_SID,
    FUNDS,
    UNKNOWN,
    balance,
    let_pass,
    make_draft,
    report,
    wish,
)

pytestmark = pytest.mark.django_db
MODELS = (Message, DeliveryReport, TemplateVersion, Sender, SandboxMessage, NotificationProduct)


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
def submitted(buyer) -> TemplateVersion:
    return services.submit(template=make_draft(buyer.customer_id, body="Hi <b>{{1}}</b>", name="greeting"))


def named(row_or_model) -> str:
    return f"admin:{row_or_model._meta.app_label}_{row_or_model._meta.model_name}"


def list_url(model) -> str:
    return reverse(f"{named(model)}_changelist")


def page_url(row) -> str:
    return reverse(f"{named(row)}_change", args=[row.pk])


def act(client: Client, row, action: str, **fields: object):
    given = {"_form_submitted": "on", "reason": "A good reason", **fields}
    return client.post(reverse(f"{named(row)}_{action}", args=[row.pk]), given)


def read(client: Client, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200
    return answer.content.decode()


def test_every_list_and_page_opens(boss, provider, sent, submitted):
    report(sent, "sent")
    SandboxMessage.objects.create(reference="r", sid="SM1", to="+2348012345678", plan=[])

    for model in MODELS:
        read(boss, list_url(model))
        read(boss, page_url(model.objects.first()))
    read(boss, reverse("admin:index"))


def test_a_message_is_found_by_number_uuid_sid_recipient_and_customer(boss, provider, sent, buyer, template):
    other = services.send(buyer=buyer, wanted=wish(template, to="+2348099999999"))
    url = list_url(Message)

    terms = (f"#{sent.pk}", str(sent.uuid), sent.provider_message_id, sent.to, "234 801 234 5678", "Acme")
    for term in terms:
        found = boss.get(url, {"q": term}).context["cl"].result_list
        assert sent in found, term
        assert (other in found) == (term == "Acme")


def test_filters_narrow_the_list(boss, provider, sent):
    report(sent, "delivered")
    report(sent, "failed")
    for query in ({"state": "delivered"}, {"billing": "charged"}, {"attention": "contradicted"}, {"mode": "live"}):
        assert sent in boss.get(list_url(Message), query).context["cl"].result_list
    for query in ({"state": "sent"}, {"billing": "free"}, {"attention": "staff"}, {"dispatch": "unknown"}):
        assert sent not in boss.get(list_url(Message), query).context["cl"].result_list


def test_a_story_tells_states_reports_money_cost_and_margin(boss, provider, sent):
    report(sent, "sent")
    report(sent, "delivered")
    report(sent, "undelivered", "63024")
    provider.standings[sent.provider_message_id] = Standing("delivered", "", Decimal("0.005"), "USD")
    let_pass(sent, minutes=10)
    services.settle_due()

    page = read(boss, page_url(sent))

    for told in ("Requested", "Your code is 123456.", "Charged 0.0125 USD", "20.00 NGN", "Report: delivered",
                 "Report: undelivered, error 63024", "Contradicts", "0.005 USD", "0.0075 USD (60%)",
                 sent.provider_message_id):  # fmt: skip
        assert told in page, told


def test_the_queue_shows_what_the_recipient_would_read(boss, submitted):
    page = read(boss, f"{list_url(TemplateVersion)}?status__exact=submitted")

    assert "Hi &lt;b&gt;example&lt;/b&gt;" in page
    assert "Templates to approve" in page
    dialog = read(boss, reverse(f"{named(submitted)}_approve_it", args=[submitted.pk]))
    assert "Hi &lt;b&gt;example&lt;/b&gt;" in dialog


def test_a_template_is_approved_paused_resumed_and_disabled_by_dialogs(boss, submitted):
    for action, status in (("approve_it", "approved"), ("pause_it", "paused"), ("resume_it", "approved"),
                           ("disable_it", "disabled")):  # fmt: skip
        fields = {"provider_template_id": CONTENT_SID} if action == "approve_it" else {}
        assert act(boss, submitted, action, **fields).status_code == 302
        submitted.refresh_from_db()
        assert submitted.status == status
    assert submitted.provider_template_id == CONTENT_SID
    assert submitted.decided_by.startswith("staff:")
    assert LogEntry.objects.count() == 4


def test_a_template_is_rejected_with_a_reason_only(boss, submitted):
    act(boss, submitted, "reject_it", reason="")
    submitted.refresh_from_db()
    assert submitted.status == "submitted"

    act(boss, submitted, "reject_it", reason="Too pushy")

    submitted.refresh_from_db()
    assert (submitted.status, submitted.reason) == ("rejected", "Too pushy")


def test_a_refusal_is_shown_in_the_dialog(boss, submitted):
    bad = act(boss, submitted, "approve_it", provider_template_id="HX1")
    late = act(boss, submitted, "pause_it")

    assert "A Content SID is HX" in bad.content.decode()
    assert "cannot be done in the current status" in late.content.decode()
    submitted.refresh_from_db()
    assert submitted.status == "submitted"


def test_a_template_is_named_at_its_provider(boss, submitted):
    act(boss, submitted, "hand_over", provider_template_id=CONTENT_SID)

    submitted.refresh_from_db()
    assert (submitted.provider, submitted.provider_template_id) == ("twilio", CONTENT_SID)


def test_senders_are_added_approved_rejected_and_disabled(boss, buyer):
    asked = services.request_sender(customer_id=buyer.customer_id, channel="whatsapp", address="+12025550199")
    add = {"_form_submitted": "on", "channel": "sms", "address": "INFO"}
    assert boss.post(reverse("admin:notifications_sender_add_house_sender"), add).status_code == 302
    house = Sender.objects.get(customer=None)
    act(boss, asked, "approve_it", provider="sandbox")
    act(boss, house, "reject_it")
    act(boss, asked, "disable_it", reason="Complaints")

    asked.refresh_from_db()
    house.refresh_from_db()
    assert (asked.status, asked.reason, house.status) == ("disabled", "Complaints", "rejected")


def test_nothing_moves_on_get(boss, provider, buyer, template, submitted):
    provider.after = UNKNOWN
    unknown = services.send(buyer=buyer, wanted=wish(template))
    before = balance(buyer)
    asked = services.request_sender(customer_id=buyer.customer_id, channel="whatsapp", address="+12025550199")

    for row, actions in (
        (submitted, ("approve_it", "reject_it", "hand_over", "pause_it", "resume_it", "disable_it")),
        (asked, ("approve_it", "reject_it", "disable_it")),
        (unknown, ("ask_again", "give_up_it")),
    ):
        for action in actions:
            assert boss.get(reverse(f"{named(row)}_{action}", args=[row.pk])).status_code == 200

    submitted.refresh_from_db()
    asked.refresh_from_db()
    unknown.refresh_from_db()
    assert (submitted.status, asked.status, unknown.dispatch) == ("submitted", "requested", "unknown")
    assert balance(buyer) == before


def test_staff_ask_again_about_an_unknown_message(boss, provider, buyer, template):
    provider.after = UNKNOWN
    unknown = services.send(buyer=buyer, wanted=wish(template))
    assert "Ask the provider again" in read(boss, page_url(unknown))

    act(boss, unknown, "ask_again")

    unknown.refresh_from_db()
    assert unknown.state == "queued"
    assert "Ask the provider again" not in read(boss, page_url(unknown))


def test_staff_give_up_an_unknown_message_once(boss, provider, buyer, template):
    provider.after = provider.at_find = UNKNOWN
    unknown = services.send(buyer=buyer, wanted=wish(template))

    act(boss, unknown, "give_up_it")
    again = act(boss, unknown, "give_up_it")

    unknown.refresh_from_db()
    assert (unknown.state, unknown.failure, balance(buyer)) == ("failed", "given_up", FUNDS)
    assert "cannot be done" in again.content.decode()
    assert LogEntry.objects.count() == 1


def test_whoever_may_only_look_moves_nothing(provider, sent, submitted):
    clerk = client_with("view_message", "view_templateversion")

    assert "Approve" not in read(clerk, page_url(submitted))
    assert act(clerk, submitted, "approve_it").status_code == 403
    assert clerk.get(list_url(Sender)).status_code == 403
    assert client_with().get(page_url(sent)).status_code in {302, 403}
    submitted.refresh_from_db()
    assert submitted.status == "submitted"


def test_contradicting_reports_have_a_list_and_a_badge(boss, provider, sent):
    report(sent, "delivered")
    report(sent, "failed")

    page = read(boss, f"{list_url(DeliveryReport)}?effect__exact=contradicts")

    assert sent.provider_message_id in page
    assert "Contradicting reports" in page


def test_a_price_of_notifications_is_added_not_edited(boss, provider):
    product = NotificationProduct.objects.get(category="marketing")

    answer = act(boss, product, "add_price", amount="75", currency="NGN", note="New year", effective_from_0="",
                 effective_from_1="", price_list="", customer="")  # fmt: skip

    assert answer.status_code == 302
    assert list(Price.objects.filter(product=product.pk).order_by("id").values_list("amount", flat=True)) == [20, 75]
    assert "New year" in read(boss, page_url(product))


def test_a_category_is_put_on_sale(boss, db):
    url = reverse("admin:catalog_notificationproduct_add")
    boss.post(url, {"category": "utility", "cost": "0.004", "cost_currency": "USD", "is_active": "on"})

    made = NotificationProduct.objects.get()
    assert (made.category, made.product.kind, made.refund_undelivered) == ("utility", "whatsapp", False)


def test_every_state_and_billing_has_a_tone():
    assert set(messages.TONES) == set(Message.State.values)
    assert set(messages.BILLING_TONES) == set(Message.Billing.values)
