"""The token programs of the docs page, run as they are shown: against the test vector, and against the server."""

import html
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256, Hash

from config.docs import SMSGIST_TOKENS, snippet
from tests.live import Saldo
from tests.wire import Client

SECRET = "sgsec_0123456789abcdef0123456789abcdef"
APP_KEY = "sgapp_fedcba9876543210fedcba9876543210"
IV = "000102030405060708090a0b0c0d0e0f"
TOKEN = "AAECAwQFBgcICQoLDA0OD+TiQCCQOzFsiGHp93eUypPWbUcR/ayLTqGDbnh5bTKpjZTeMbluFGvADKf7OFCQ4Q=="


@dataclass(frozen=True)
class Program:
    """How a snippet is run, what prints its token, and what makes it use the vector's iv."""

    command: list[str]
    printing: str
    printing_vector: str
    before: Callable[[], str] = str


def first_block() -> str:
    """In place of `openssl rand 16`: the block whose encryption is the vector's iv."""
    digest = Hash(SHA256())
    digest.update(APP_KEY.encode())
    decryptor = Cipher(algorithms.AES(digest.finalize()), modes.ECB()).decryptor()
    octal = "".join(f"\\{byte:03o}" for byte in decryptor.update(bytes.fromhex(IV)))
    return f"""openssl() {{ if [ "$1" = rand ]; then printf '{octal}'; else command openssl "$@"; fi; }}\n"""


SECRETS_IN_JS = "process.env.CLIENT_SECRET, process.env.APP_SECRET_KEY"
SECRETS_IN_PHP = "getenv('CLIENT_SECRET'), getenv('APP_SECRET_KEY')"
SECRETS_IN_PYTHON = "os.environ['CLIENT_SECRET'], os.environ['APP_SECRET_KEY']"
PROGRAMS = {
    "sh": Program(["sh", "-c"], 'printf %s "$token"', 'printf %s "$token"', first_block),
    "js": Program(
        ["node", "-e"],
        f"process.stdout.write(smsgistToken({SECRETS_IN_JS}))",
        f'process.stdout.write(smsgistToken({SECRETS_IN_JS}, Buffer.from("{IV}", "hex")))',
    ),
    "php": Program(
        ["php", "-r"],
        f"echo smsgist_token({SECRETS_IN_PHP});",
        f"echo smsgist_token({SECRETS_IN_PHP}, hex2bin('{IV}'));",
    ),
    "py": Program(
        [sys.executable, "-c"],
        f"print(smsgist_token({SECRETS_IN_PYTHON}), end='')",
        f"print(smsgist_token({SECRETS_IN_PYTHON}, bytes.fromhex('{IV}')), end='')",
    ),
}
KINDS = [kind for _, kind in SMSGIST_TOKENS]


def run(kind: str, client_secret: str, app_secret_key: str, *, vector: bool = False) -> str:
    program = PROGRAMS[kind]
    if shutil.which(program.command[0]) is None:
        pytest.skip(f"{program.command[0]} is not installed")
    before, printing = (program.before(), program.printing_vector) if vector else ("", program.printing)
    source = before + snippet(f"smsgist_token.{kind}").removeprefix("<?php") + "\n" + printing
    environment = {"PATH": os.environ["PATH"], "CLIENT_SECRET": client_secret, "APP_SECRET_KEY": app_secret_key}
    done = subprocess.run(
        [*program.command, source], env=environment, capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_a_snippet_makes_the_test_vector(kind: str) -> None:
    assert run(kind, SECRET, APP_KEY, vector=True) == TOKEN


@pytest.mark.parametrize("kind", KINDS)
def test_a_snippet_makes_another_token_each_time(kind: str) -> None:
    assert run(kind, SECRET, APP_KEY) != run(kind, SECRET, APP_KEY)


@pytest.mark.parametrize("kind", KINDS)
def test_a_snippet_fits_on_a_screen(kind: str) -> None:
    assert len(snippet(f"smsgist_token.{kind}").splitlines()) <= 15


@pytest.mark.parametrize("kind", KINDS)
def test_a_snippets_token_opens_the_door(saldo: Saldo, kind: str) -> None:
    client = saldo.world["clients"]["live"]
    token = run(kind, client["client_secret"], client["app_secret_key"])

    headers = {"X-Client-Id": client["client_id"], "Authorization": f"Bearer {token}"}
    answer = Client(saldo.url).get("/api/credits/balance", headers=headers)

    assert (answer.status, answer.data["currency"]) == (200, "GHS")


def test_what_is_run_is_what_is_shown(saldo: Saldo) -> None:
    page = html.unescape(saldo.client().get("/api/docs", headers={"Accept": "text/html"}).text)

    assert [kind for kind in KINDS if snippet(f"smsgist_token.{kind}") not in page] == []
    assert TOKEN in page
