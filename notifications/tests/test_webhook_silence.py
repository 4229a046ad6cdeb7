"""Who is told nothing any more: customers who have left, and endpoints whose signature is gone."""

import threading

import pytest
from django.core import mail
from django.db import IntegrityError, connections, transaction

from apikeys.services import keys, signing
from apikeys.tests.factories import make_key
from notifications.errors import WrongState
from notifications.models import WebhookDelivery, WebhookEndpoint
from notifications.services import webhooks
from notifications.services.webhooks import tidying
from notifications.services.webhooks.claiming import claim
from notifications.tests.factories import customer_of, make_buyer
from notifications.tests.webhooks import CODE, make_endpoint, tell
from wallets.services.customers import set_customer_status

pytestmark = pytest.mark.django_db
URL = "https://hooks.example.com/saldo"


@pytest.fixture
def customer():
    return customer_of(make_buyer())


@pytest.fixture
def endpoint(customer) -> WebhookEndpoint:
    return make_endpoint(customer.pk, URL)


def standing(endpoint) -> tuple[bool, str, str]:
    endpoint.refresh_from_db()
    return endpoint.is_enabled, endpoint.disabled_reason, endpoint.signing_key


# --- Customers who have left -------------------------------------------------------------------


def test_events_of_a_customer_who_has_left_do_not_pile_up(endpoint, customer):
    set_customer_status(customer=customer, status="closed")
    tell(customer.pk)
    assert not WebhookDelivery.objects.exists()


def test_what_waited_when_a_customer_left_is_not_sent_and_then_discarded(endpoint, customer):
    tell(customer.pk)
    set_customer_status(customer=customer, status="closed")
    assert claim(most=10, busy={}) == []
    webhooks.tidy()
    assert WebhookDelivery.objects.get().status == "discarded"


def test_a_suspended_customer_is_still_told(endpoint, customer):
    set_customer_status(customer=customer, status="suspended")
    tell(customer.pk)
    assert len(claim(most=10, busy={})) == 1


def test_nobody_sends_to_a_customer_who_has_left(endpoint, customer):
    tell(customer.pk)
    set_customer_status(customer=customer, status="closed")
    for send in (
        lambda: webhooks.send_test_event(endpoint=endpoint),
        lambda: webhooks.replay(delivery=WebhookDelivery.objects.get()),
        lambda: webhooks.replay_many(endpoint=endpoint),
    ):
        endpoint.refresh_from_db()
        with pytest.raises(WrongState):
            send()


# --- The key that signs ------------------------------------------------------------------------


@pytest.fixture
def signed(customer):
    """A key that keeps its copy, and an endpoint that signs with it."""
    key, plain = make_key(customer, signs_webhooks=True)
    return key, make_endpoint(customer.pk, URL, format="smsgig", signing_key=plain)


@pytest.mark.parametrize("end", [signing.drop_copy, keys.revoke_key])
def test_with_a_keys_copy_goes_the_copy_of_each_endpoint_which_is_disabled(signed, customer, end):
    key, endpoint = signed
    other = make_endpoint(customer.pk, URL, format="smsgig", signing_key=make_key(customer)[1])
    for _ in range(2):
        end(key=key, actor="test")
    assert standing(endpoint) == (False, "unsigned", "")
    assert standing(other)[0]
    tell(customer.pk, "activation.code_received", CODE)
    assert [each.endpoint_id for each in claim(most=10, busy={})] == [other.pk]


def test_one_that_its_customer_disabled_stays_so_and_loses_its_copy(signed):
    key, endpoint = signed
    webhooks.disable_endpoint(endpoint=endpoint)
    signing.drop_copy(key=key, actor="test")
    assert standing(endpoint) == (False, "customer", "")


def test_without_a_key_it_cannot_be_enabled_until_it_is_given_one(signed, customer):
    key, endpoint = signed
    keys.revoke_key(key=key, actor="test")
    with pytest.raises(WrongState):
        webhooks.enable_endpoint(endpoint=endpoint)
    webhooks.change_endpoint(endpoint=endpoint, signing_key=make_key(customer)[1], enabled=True)
    assert standing(endpoint)[:2] == (True, "")


def test_the_database_refuses_one_that_is_enabled_without_a_key(signed):
    with pytest.raises(IntegrityError), transaction.atomic():
        WebhookEndpoint.objects.filter(pk=signed[1].pk).update(signing_key="")


# --- Telling the customer ----------------------------------------------------------------------


def disabled(number: int) -> WebhookEndpoint:
    customer = customer_of(make_buyer(name=f"Customer {number}"))
    customer.email = f"owner{number}@acme.example"
    customer.save()
    endpoint = make_endpoint(customer.pk, URL)
    return webhooks.disable_endpoint(endpoint=endpoint, reason=WebhookEndpoint.Disabled.GONE)


def test_one_letter_that_fails_keeps_no_other_waiting_and_is_tried_again(monkeypatch):
    broken, _ = disabled(1), disabled(2)
    send = tidying.send_mail

    def refuse(subject, body, sender, recipients):
        if recipients == ["owner1@acme.example"]:
            raise ValueError("no mail server says this")
        send(subject, body, sender, recipients)

    with monkeypatch.context() as patch:
        patch.setattr(tidying, "send_mail", refuse)
        assert [webhooks.tell_of_disabled(), webhooks.tell_of_disabled()] == [1, 0]
    WebhookEndpoint.objects.filter(pk=broken.pk).update(telling_until=broken.created_at)
    assert webhooks.tell_of_disabled() == 1
    assert sorted(letter.to[0] for letter in mail.outbox) == ["owner1@acme.example", "owner2@acme.example"]


@pytest.mark.django_db(transaction=True)
def test_two_ticks_at_once_write_to_each_customer_once(mailoutbox, monkeypatch):
    for number in range(4):
        disabled(number)
    both, send = threading.Barrier(2), tidying.send_mail

    def at_once(*letter):
        both.wait(20)  # each has one in hand
        send(*letter)

    def tick() -> None:
        webhooks.tell_of_disabled()
        connections.close_all()

    monkeypatch.setattr(tidying, "send_mail", at_once)
    ticks = [threading.Thread(target=tick) for _ in range(2)]
    for each in ticks:
        each.start()
    for each in ticks:
        each.join(60)
    assert sorted(letter.to[0] for letter in mail.outbox) == [f"owner{number}@acme.example" for number in range(4)]
