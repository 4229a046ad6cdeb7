"""The back office's pages of webhooks: endpoints without their secrets, the log, and sending again by dialogs."""

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from config.encryption import decrypt
from notifications.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from notifications.services import webhooks
from notifications.tests.test_admin import act, client_with, list_url, named, page_url, read
from notifications.tests.test_webhook_api import attempt, fail_for_good
from notifications.tests.webhooks import API_KEY, CODE, make_endpoint, tell

pytestmark = pytest.mark.django_db
URL = "https://hooks.example.com/saldo?token=CUSTOMERS_TOKEN"


@pytest.fixture
def boss(db):
    return client_with(superuser=True)


@pytest.fixture
def endpoint(buyer) -> WebhookEndpoint:
    return make_endpoint(buyer.customer_id, URL)


@pytest.fixture
def delivery(endpoint) -> WebhookDelivery:
    tell(endpoint.customer_id)
    attempt(503, answer="<script>alert(1)</script>")
    return endpoint.deliveries.get()


def test_every_list_and_page_opens_and_shows_no_secret(boss, endpoint, delivery):
    webhooks.rotate_secret(endpoint=endpoint)
    gig = make_endpoint(endpoint.customer_id, URL, format="smsgig")
    urls = [list_url(WebhookEndpoint), page_url(endpoint), page_url(gig), list_url(WebhookDelivery), page_url(delivery)]
    urls += [reverse(f"{named(endpoint)}_{name}", args=[endpoint.pk]) for name in ("edit_it", "test_it", "replay_them")]

    pages = {url: read(boss, url) for url in urls}

    endpoint.refresh_from_db()
    secrets = (endpoint.secret, decrypt(endpoint.secret), decrypt(endpoint.previous_secret), gig.signing_key, API_KEY)
    assert [url for url, page in pages.items() for secret in secrets if secret in page] == []
    shown = {url for url, page in pages.items() if "CUSTOMERS_TOKEN" in page}
    assert shown == {urls[5]}, "only where it is edited"
    assert "<script>alert(1)" not in pages[page_url(delivery)]
    assert "503" in pages[page_url(delivery)]


def test_a_delivery_is_found_by_number_webhook_id_and_customer(boss, delivery):
    for term in (f"#{delivery.pk}", delivery.message_id, "Acme"):
        assert delivery in boss.get(list_url(WebhookDelivery), {"q": term}).context["cl"].result_list, term


def test_standings_are_told_apart(boss, endpoint):
    gone = make_endpoint(endpoint.customer_id, URL)
    WebhookEndpoint.objects.filter(pk=gone.pk).update(is_enabled=False, disabled_reason="gone")
    for standing, found in (("enabled", endpoint), ("given-up", gone), ("disabled", gone)):
        rows = boss.get(list_url(WebhookEndpoint), {"standing": standing}).context["cl"].result_list
        assert list(rows) == [found], standing


def test_staff_make_an_endpoint_for_a_customer(boss, buyer):
    fields = {
        "customer": buyer.customer_id, "url": URL, "format": "standard", "kinds": ["message.sent"], "description": "",
        "_form_submitted": "on",
    }  # fmt: skip
    assert boss.post(reverse("admin:notifications_webhookendpoint_add_endpoint"), fields).status_code == 302
    made = WebhookEndpoint.objects.get()
    assert (made.kinds, made.created_by.partition(":")[0]) == (["message.sent"], "staff")


def test_a_hostile_url_is_refused_in_the_dialog(boss, buyer, endpoint):
    answer = act(boss, endpoint, "edit_it", url="https://10.0.0.1/")
    assert answer.status_code == 200
    assert "not a public one" in answer.content.decode()
    endpoint.refresh_from_db()
    assert endpoint.url == URL


def test_a_test_event_is_sent_by_a_dialog_and_nothing_on_get(boss, endpoint):
    read(boss, reverse(f"{named(endpoint)}_test_it", args=[endpoint.pk]))
    assert endpoint.deliveries.count() == 0
    assert act(boss, endpoint, "test_it").status_code == 302
    assert endpoint.deliveries.get().event.kind == "webhook.test"
    assert LogEntry.objects.count() == 1


def test_one_is_sent_again_by_a_dialog(boss, delivery):
    fail_for_good(delivery)
    assert act(boss, delivery, "replay_it").status_code == 302
    delivery.refresh_from_db()
    assert (delivery.status, delivery.tries) == ("pending", 0)


def test_all_that_failed_and_a_range_are_sent_again_by_a_dialog(boss, endpoint, delivery):
    fail_for_good(delivery)
    assert act(boss, endpoint, "replay_them", failed_only="on").status_code == 302
    assert endpoint.deliveries.get().status == "pending"
    fail_for_good(delivery)
    assert act(boss, endpoint, "replay_them", since="2099-01-01 09:30").status_code == 302
    assert endpoint.deliveries.get().status == "failed"
    refused = act(boss, endpoint, "replay_them")
    assert "Say since when" in refused.content.decode()


def test_staff_disable_and_enable_with_a_reason(boss, endpoint):
    assert act(boss, endpoint, "disable_it").status_code == 302
    endpoint.refresh_from_db()
    assert (endpoint.is_enabled, endpoint.disabled_reason) == (False, "staff")
    assert act(boss, endpoint, "enable_it").status_code == 302
    endpoint.refresh_from_db()
    assert endpoint.is_enabled
    assert LogEntry.objects.filter(change_message__contains="A good reason").count() == 2


def test_who_may_only_look_may_not_act(endpoint, delivery):
    reader = client_with("view_webhookendpoint", "view_webhookdelivery")
    read(reader, page_url(endpoint))
    assert act(reader, endpoint, "test_it").status_code == 403
    assert act(reader, delivery, "replay_it").status_code == 403
    assert WebhookAttempt.objects.count() == 1


def test_a_message_text_is_not_on_the_page_of_its_delivery(boss, endpoint):
    tell(endpoint.customer_id, "activation.code_received", CODE)
    page = read(boss, page_url(endpoint.deliveries.get()))
    assert CODE["text"] not in page
