"""The SMSGist token: readable to who has the app key, and silent about why it is wrong."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apikeys.services.client_tokens import make_token, read_token

SECRET = "sgsec_0123456789abcdef0123456789abcdef"
APP_KEY = "sgapp_fedcba9876543210fedcba9876543210"
IV = bytes.fromhex("000102030405060708090a0b0c0d0e0f")
TOKEN = "AAECAwQFBgcICQoLDA0OD+TiQCCQOzFsiGHp93eUypPWbUcR/ayLTqGDbnh5bTKpjZTeMbluFGvADKf7OFCQ4Q=="


def test_the_test_vector_is_made_and_read():
    assert make_token(APP_KEY, SECRET, IV) == TOKEN
    assert read_token(APP_KEY, TOKEN) == SECRET


def test_a_token_is_different_each_time():
    assert make_token(APP_KEY, SECRET) != make_token(APP_KEY, SECRET)


@pytest.mark.parametrize(
    "written", [TOKEN.rstrip("="), TOKEN.replace("+", "-").replace("/", "_"), TOKEN.replace("+", "-").rstrip("=")]
)
def test_url_safe_and_unpadded_base64_is_read_too(written):
    assert written != TOKEN
    assert read_token(APP_KEY, written) == SECRET


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=100), st.text("abc_019", min_size=1))
def test_whatever_is_encrypted_comes_back(client_secret, app_key):
    assert read_token(app_key, make_token(app_key, client_secret)) == client_secret


def test_another_app_key_reads_nothing_of_it():
    assert read_token(f"{APP_KEY}x", TOKEN) != SECRET


def changed(raw: bytes, at: int) -> str:
    return base64.b64encode(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]).decode()


def test_a_changed_byte_anywhere_yields_another_secret_or_none():
    raw = base64.b64decode(TOKEN)
    assert [at for at in range(len(raw)) if read_token(APP_KEY, changed(raw, at)) == SECRET] == []


@pytest.mark.parametrize(
    "wrong",
    ["", "=", "====", "x", TOKEN[:-4], TOKEN[:20], TOKEN + "\n", " " + TOKEN, "é" * 64, "٣" * 64, "\x00" * 64,
     "A" * 4_000, SECRET, base64.b64encode(IV).decode(), base64.b64encode(bytes(33)).decode(), "!" + TOKEN[1:]],
)  # fmt: skip
def test_what_is_no_token_is_read_as_none(wrong):
    assert read_token(APP_KEY, wrong) is None


@given(st.text(max_size=200))
def test_whatever_text_is_sent_nothing_raises(text):
    read_token(APP_KEY, text)


@given(st.binary(min_size=32, max_size=96))
def test_whatever_bytes_are_sent_nothing_raises(raw):
    assert read_token(APP_KEY, base64.b64encode(raw).decode()) != SECRET
