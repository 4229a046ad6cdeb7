"""What receivers get: bodies as printed, and signatures that others verify."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from notifications.services.webhooks import samples
from notifications.services.webhooks.endpoints import new_secret
from notifications.services.webhooks.formats import Letter, body_of, headers_of
from notifications.tests.webhooks import API_KEY, CODE

HAPPENED = datetime(2026, 5, 18, 14, 2, 11, 250_000, tzinfo=UTC)


def a_letter(shape: str = "standard", secrets=None, **facts) -> Letter:
    told = {
        "format": shape, "message_id": "msg_1", "kind": "activation.code_received", "sequence": 3,
        "object_type": "activation", "object_id": 10561661, "payload": CODE, "happened_at": HAPPENED,
        "secrets": secrets or [new_secret()], "signing_key": API_KEY,
    }  # fmt: skip
    return Letter(**told | facts)


def sent(letter: Letter) -> tuple[str, dict[str, str]]:
    body = body_of(letter)
    return body, headers_of(letter, body, now=datetime.now(UTC))


@pytest.mark.parametrize("shape", ["standard", "smsgig", "smsgist"])
def test_the_standards_own_verifier_takes_the_signature_of_every_format(shape):
    secret = new_secret()
    body, headers = sent(a_letter(shape, [secret]))
    assert Webhook(secret).verify(body, headers) == json.loads(body)


def test_the_standards_own_verifier_refuses_a_body_that_was_touched():
    secret = new_secret()
    body, headers = sent(a_letter(secrets=[secret]))
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body.replace("123456", "123457"), headers)


def test_during_a_rotation_both_secrets_verify():
    new, old = new_secret(), new_secret()
    body, headers = sent(a_letter(secrets=[new, old]))
    assert Webhook(new).verify(body, headers) == Webhook(old).verify(body, headers)


def test_the_standard_body_says_what_happened_to_what_and_in_which_order():
    body, _ = sent(a_letter())
    assert json.loads(body) == {
        "type": "activation.code_received",
        "timestamp": "2026-05-18T14:02:11Z",
        "object": {"type": "activation", "id": 10561661},
        "sequence": 3,
        "data": CODE | {"received_at": "2026-05-18T14:02:11Z"},
    }


@pytest.mark.parametrize("shape", ["standard", "smsgist"])
def test_money_is_a_number_and_every_moment_has_the_shape_of_the_contract(shape):
    payload = {"price": "6.10", "available": "0.000001", "expires_at": "2026-12-21T18:14:46.250000+00:00",
               "grace_until": None, "code": "000012"}  # fmt: skip
    body, _ = sent(a_letter(shape, payload=payload))
    assert body.endswith(
        '"data":{"price":6.1,"available":0.000001,"expires_at":"2026-12-21T18:14:46Z","grace_until":null,'
        '"code":"000012"}}'
    )


def test_smsgist_is_told_of_a_message_by_the_ids_that_its_send_has_answered_with():
    payload = {"id": 7, "uuid": "r-1", "to": "+233245972246"}
    body, _ = sent(a_letter("smsgist", payload=payload, sending_id=3, sending_uuid="m-1"))
    told = {"message_id": "m-1", "recipient_id": "r-1", "recipient": "+233245972246"}
    assert json.loads(body)["data"] == payload | told


def test_the_body_of_smsgig_is_as_printed():
    body, _ = sent(a_letter("smsgig"))
    printed = (
        '{ "activation_id": 10561661, "message_id": "msg_10561661_a1b2c3d4", "service": "whatsapp", "code": "123456",'
        ' "text": "Your WhatsApp code is 123456", "received_at": "2026-05-18T14:02:11.000000Z" }'
    )
    assert list(json.loads(body).items()) == list(json.loads(printed).items())


@pytest.mark.parametrize("code", ["", None])
def test_smsgig_gets_an_empty_code_where_there_is_none(code):
    body, _ = sent(a_letter("smsgig", payload=CODE | {"code": code}))
    assert json.loads(body)["code"] == ""


def test_the_signature_of_smsgig_is_phps_hash_hmac_of_the_raw_body():
    """hash_hmac('sha256', $payload, 'YOUR_API_KEY') in lower-case hex, here from RFC 2104 itself."""
    text = "Ваш код 123456 – ✓"
    body, headers = sent(a_letter("smsgig", payload=CODE | {"text": text}))
    raw, key = body.encode(), API_KEY.encode().ljust(64, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in key) + raw).digest()
    outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in key) + inner).hexdigest()
    assert headers["X-SMSGig-Signature"] == outer
    assert json.loads(body)["text"] == text


def test_smsgist_signs_the_timestamp_and_the_body():
    secret = new_secret()
    body, headers = sent(a_letter("smsgist", [secret], kind="message.delivered", payload={"id": 1}))
    signed = f"{headers['X-SMSGist-Timestamp']}.{body}".encode()
    assert headers["X-SMSGist-Signature"] == f"sha256={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"
    assert json.loads(body)["event"] == "message.delivered"


def test_the_former_secret_of_smsgist_signs_in_a_header_of_its_own():
    new, old = new_secret(), new_secret()
    body, headers = sent(a_letter("smsgist", [new, old], payload={"id": 1}))
    signed = f"{headers['X-SMSGist-Timestamp']}.{body}".encode()
    former = hmac.new(old.encode(), signed, hashlib.sha256).hexdigest()
    assert headers["X-SMSGist-Signature-Previous"] == f"sha256={former}"


def test_a_secret_is_256_random_bits_in_the_standards_writing():
    secret = new_secret()
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    assert secret != new_secret()


@pytest.mark.parametrize("shape", ["standard", "smsgig", "smsgist"])
def test_a_test_event_has_a_body_in_every_format(shape):
    assert json.loads(body_of(a_letter(shape, payload=samples.payload_for(shape))))


def test_no_secret_is_shown_where_a_letter_is_printed():
    secret = new_secret()
    assert secret not in repr(a_letter(secrets=[secret]))
    assert API_KEY not in repr(a_letter())
