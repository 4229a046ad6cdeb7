"""What SMSGist's clients may send: missing or of the wrong kind is 400, what breaks a rule 422."""

import pytest
from django.http import Http404, QueryDict

from config.api import Malformed
from config.errors import InvalidInput
from notifications.dialects.smsgist import asked

SMS = {"recipients": ["+233245972246", "+233201234567"], "message": "Your OTP is 482916", "route": "regular"}
EMAIL = {
    "recipients": ["user@example.com", "other@example.com"],
    "subject": "Welcome to MyApp",
    "body": "<h1>Hello!</h1><p>Thanks for signing up.</p>",
    "from_name": "MyApp Team",
    "reply_to": "support@myapp.com",
    "no_tracking": False,
}


def sms(**changed):
    return asked.sms(SMS | changed, "GH", "")


def test_the_printed_sms_is_understood():
    wanted = sms()
    assert (wanted.channel, wanted.recipients, wanted.text) == ("sms", SMS["recipients"], SMS["message"])
    assert (wanted.route, wanted.redirect_to, wanted.remove_duplicates) == ("regular", "", True)


def test_the_printed_email_is_understood():
    wanted = asked.email(EMAIL, "qa@example.com")
    assert (wanted.channel, wanted.recipients, wanted.subject) == ("email", EMAIL["recipients"], EMAIL["subject"])
    assert (wanted.text, wanted.from_name, wanted.reply_to) == (EMAIL["body"], "MyApp Team", "support@myapp.com")
    assert (wanted.no_tracking, wanted.redirect_to) == (False, "qa@example.com")


def test_what_may_be_left_out_may_be_null():
    wanted = asked.email(EMAIL | dict.fromkeys(("from_name", "reply_to", "no_tracking", "route")), "")
    assert (wanted.from_name, wanted.reply_to, wanted.no_tracking, wanted.route) == ("", "", False, "regular")


def test_one_recipient_may_be_a_text():
    assert sms(recipients="+233245972246").recipients == ["+233245972246"]


@pytest.mark.parametrize(
    ("form", "recipients"),
    [("recipients=%2B1&recipients=%2B2", ["+1", "+2"]), ("recipients[]=%2B1&recipients[]=%2B2", ["+1", "+2"]),
     ("recipients=%2B1", ["+1"])],
)  # fmt: skip
def test_a_form_may_repeat_its_recipients(form, recipients):
    assert asked.fields(QueryDict(f"{form}&message=x"))["recipients"] == recipients


@pytest.mark.parametrize(
    ("written", "number"),
    [("0245972246", "+233245972246"), ("024 597 2246", "+233245972246"), ("233245972246", "+233245972246"),
     ("447911123456", "+447911123456"), ("+1234567890", "+1234567890"), ("+999999999999999", "+999999999999999")],
)  # fmt: skip
def test_a_number_without_plus_is_read_as_at_home(written, number):
    assert sms(recipients=[written]).recipients == [number]


@pytest.mark.parametrize(
    "wrong",
    ["", "+", "+0245972246", "+2332459", "+2332459722461234", "+233245972246\n", " +233245972246", "+233 24 597 2246",
     "+٢٣٣٢٤٥٩٧٢٢٤٦", "２３３２４５９７２２４６", "024", "abc", "1-800-FLOWERS", "0245972246;ext=1", "user@example.com",
     "+233245972246,+233201234567", "9" * 400],
)  # fmt: skip
def test_one_bad_number_refuses_all(wrong):
    with pytest.raises(InvalidInput) as refusal:
        sms(recipients=["+233245972246", wrong])
    assert list(refusal.value.errors) == ["recipients"]


@pytest.mark.parametrize("route", ["fast", "", "twilio", "OTP"])
def test_only_the_references_routes_are_known(route):
    with pytest.raises(InvalidInput):
        sms(route=route)


@pytest.mark.parametrize("name", ["recipients", "message"])
def test_a_field_that_is_missing_is_named(name):
    for sent in ({each: value for each, value in SMS.items() if each != name}, SMS | {name: None}):
        with pytest.raises(Malformed, match=f"The {name} field is required."):
            asked.sms(sent, "GH", "")


@pytest.mark.parametrize("name", ["recipients", "subject", "body"])
def test_so_is_one_of_an_email(name):
    with pytest.raises(Malformed, match=f"The {name} field is required."):
        asked.email({each: value for each, value in EMAIL.items() if each != name}, "")


@pytest.mark.parametrize(
    ("name", "value"),
    [("recipients", 233245972246), ("recipients", {"a": 1}), ("recipients", [1]), ("recipients", [["+233245972246"]]),
     ("recipients", [None]), ("recipients", True), ("message", 5), ("message", ["x"]), ("message", {}),
     ("route", 1), ("route", ["otp"])],
)  # fmt: skip
def test_a_field_of_the_wrong_kind_cannot_be_read(name, value):
    with pytest.raises(Malformed, match=name):
        sms(**{name: value})


@pytest.mark.parametrize("value", ["maybe", "", 2, [True], {}, 1.5])
def test_a_flag_is_true_or_false(value):
    with pytest.raises(Malformed, match="no_tracking"):
        asked.email(EMAIL | {"no_tracking": value}, "")


@pytest.mark.parametrize(("value", "flag"), [(True, True), ("true", True), ("1", True), (1, True), ("False", False)])
def test_a_form_writes_a_flag_as_text(value, flag):
    assert asked.email(EMAIL | {"no_tracking": value}, "").no_tracking is flag


@pytest.mark.parametrize(
    "text", ["x", "", "7f3a2b9d1e4c4b2a9d1e4c7f3a2b9d1e", "7f3a2b9d-1e4c-4b2a-9d1e-4c7f3a2b9d1", "1" * 100]
)
def test_what_is_no_id_names_no_message(text):
    with pytest.raises(Http404):
        asked.message_id(text)
