"""The programs of the docs page that check a SMSGist webhook, run as they are shown on what we send."""

import html
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from config.docs import SMSGIST_SIGNATURES, snippet
from notifications.services.webhooks.formats import Letter, body_of, headers_of
from tests.live import Saldo

KINDS = [kind for _, kind in SMSGIST_SIGNATURES]
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
# Body, timestamp and signature come as arguments; the program says 1 or 0.
RUN = {
    "js": (
        ["node", "-e"],
        "process.stdout.write(String(+smsgistVerify(process.env.SECRET, ...process.argv.slice(1))));",
    ),
    "php": (["php", "-r"], "echo (int) smsgist_verify(getenv('SECRET'), ...array_slice($argv, 1));"),
    "py": (
        [sys.executable, "-c"],
        "import os, sys\nbody, *rest = sys.argv[1:]\n"
        "print(int(smsgist_verify(os.environ['SECRET'], body.encode(), *rest)), end='')",
    ),
}


def sent(*, ago_seconds: float = 0) -> list[str]:
    """Body, timestamp and signature of an event, as an endpoint gets them."""
    letter = Letter(
        format="smsgist", message_id="evt_1", kind="message.delivered", sequence=1, object_type="message", object_id=1,
        payload={"recipient": "+233245972246", "text": "Größe € 😀"}, happened_at=datetime.now(UTC), secrets=[SECRET],
    )  # fmt: skip
    body = body_of(letter)
    headers = headers_of(letter, body, now=datetime.now(UTC) - timedelta(seconds=ago_seconds))
    return [body, headers["X-SMSGist-Timestamp"], headers["X-SMSGist-Signature"]]


def accepts(kind: str, body: str, timestamp: str, signature: str) -> bool:
    command, calling = RUN[kind]
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    source = snippet(f"smsgist_signature.{kind}").removeprefix("<?php") + "\n" + calling
    separator = ["--"] if kind != "py" else []
    done = subprocess.run(
        [*command, source, *separator, body, timestamp, signature],
        env={"PATH": os.environ["PATH"], "SECRET": SECRET},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout == "1"


@pytest.mark.parametrize("kind", KINDS)
def test_a_snippet_accepts_what_we_send_and_nothing_else(kind: str) -> None:
    body, timestamp, signature = sent()

    assert accepts(kind, body, timestamp, signature)
    assert not accepts(kind, body + " ", timestamp, signature)
    assert not accepts(kind, body, str(int(timestamp) + 1), signature)
    assert not accepts(kind, body, timestamp, signature[:-1] + ("0" if signature[-1] != "0" else "1"))
    assert not accepts(kind, body, timestamp, "")


@pytest.mark.parametrize("kind", KINDS)
def test_a_snippet_refuses_what_was_signed_long_ago(kind: str) -> None:
    assert not accepts(kind, *sent(ago_seconds=301 + 5))


@pytest.mark.parametrize("kind", KINDS)
def test_a_snippet_is_short(kind: str) -> None:
    assert len(snippet(f"smsgist_signature.{kind}").splitlines()) <= 15


def test_what_is_run_is_what_is_shown(saldo: Saldo) -> None:
    page = html.unescape(saldo.client().get("/api/docs", headers={"Accept": "text/html"}).text)

    assert [kind for kind in KINDS if snippet(f"smsgist_signature.{kind}") not in page] == []
