"""STOP and START, sent to a number that somebody rents or keeps by the month."""

import pytest

from activations.services import buy, receive_text
from activations.tests.factories import make_buyer, wish
from activations.tests.number_factories import make_plan, subscribe
from notifications.models import Suppression
from notifications.services import suppressed_among

pytestmark = pytest.mark.django_db
ANN = "+254711000001"


def answer(to: str, text: str, message_id: str = "1"):
    return receive_text(provider="fake", provider_message_id=message_id, to=to, text=text, sender=ANN)


def is_held_back(buyer) -> bool:
    return bool(suppressed_among(customer_id=buyer.customer_id, channel="sms", addresses=[ANN]))


@pytest.fixture
def number(provider) -> tuple:
    """A monthly number, and whose it is."""
    make_plan()
    keeper = make_buyer()
    return subscribe(keeper).phone, keeper


def test_stop_to_a_monthly_number_reaches_its_keeper_alone(number, buyer):
    phone, keeper = number
    answer(phone, "STOP")
    assert (is_held_back(keeper), is_held_back(buyer)) == (True, False)


def test_start_after_stop_lets_messages_go_again(number):
    phone, keeper = number
    answer(phone, "STOP", "1")
    answer(phone, "START", "2")
    assert not is_held_back(keeper)


def test_a_stop_that_comes_twice_does_not_undo_a_start(number):
    phone, keeper = number
    answer(phone, "STOP", "1")
    answer(phone, "START", "2")
    answer(phone, "STOP", "1")
    assert not is_held_back(keeper)


def test_stop_to_a_rented_number_reaches_who_rents_it(provider, buyer, offer):
    answer(buy(buyer=buyer, wish=wish()).phone, "Stop")
    assert is_held_back(buyer)


def test_any_other_text_holds_nobody_back(number):
    answer(number[0], "Please do not stop")
    assert not Suppression.objects.exists()


def test_stop_to_a_number_of_nobody_is_kept_and_changes_nothing(db):
    assert answer("+12025550123", "STOP").pk
    assert not Suppression.objects.exists()
