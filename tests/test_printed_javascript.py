"""The reference's own JavaScript, run by node against the server: only the host and the credentials are replaced."""

import json
import os
import re
import shutil
import subprocess
from decimal import Decimal
from pathlib import Path

import pytest

from tests.live import Saldo
from tests.wire import V1, exact

PRINTED = Path(__file__).parent / "printed"
HOST = "https://api.smsgang.org"

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")


def start(saldo: Saldo, source: str, key: str) -> "subprocess.Popen[str]":
    """Run `source` with node; the reference leaves the key to the environment or prints a placeholder."""
    source = source.replace(HOST, saldo.url).replace("sgk_your_key_here", key)
    return subprocess.Popen(
        ["node", "--input-type=module", "-e", source],
        env={"SMSGANG_API_KEY": key, "PATH": os.environ["PATH"]},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def output(node: "subprocess.Popen[str]") -> str:
    printed, complaints = node.communicate(timeout=30)
    assert node.returncode == 0, complaints
    return printed


def printed(name: str, then: str = "") -> str:
    return (PRINTED / f"{name}.js").read_text() + then


@pytest.fixture(scope="module")
def key(saldo: Saldo, keys: dict[str, str]) -> str:
    return keys["javascript"]


@pytest.fixture(scope="module", autouse=True)
def waiting(saldo: Saldo, key: str) -> "subprocess.Popen[str]":
    """Buy, then the printed loop, which sleeps for 5 seconds between two looks: it runs beside the other tests."""
    source = printed("buy") + printed("check-sms", "console.log('Code: ' + await waitForCode(activation.data.id));")
    return start(saldo, source, key)


def test_the_service_list_is_read(saldo: Saldo, key: str) -> None:
    # The example goes through the envelope instead of its `data`: a slip of the reference.
    source = printed("services").replace("services.forEach", "services.data.forEach")

    assert re.search(r"^Telegram \(ID: [0-9]+\)$", output(start(saldo, source, key)), re.MULTILINE)


def test_available_countries_are_filtered(saldo: Saldo, key: str) -> None:
    source = printed("countries", "console.log(JSON.stringify(available.map(c => c.code)));")

    assert {"US", "GB"} <= set(json.loads(output(start(saldo, source, key))))


def test_prices_are_told_by_country(saldo: Saldo, key: str) -> None:
    lines = output(start(saldo, printed("service-countries"), key)).splitlines()

    assert {"United States: $0.15/code", "United Kingdom: $0.18/code"} <= set(lines)


def test_the_balance_is_told(saldo: Saldo, key: str) -> None:
    lines = output(start(saldo, printed("balance"), key)).splitlines()

    assert lines[0].startswith("Available: $1")
    assert lines[1].startswith("Hold: $")


@pytest.mark.parametrize("name", ["wallet-transactions", "wallet-history", "transactions"])
def test_movements_are_listed(saldo: Saldo, key: str, name: str) -> None:
    source = printed(name).replace("await response.json()", "JSON.stringify(await response.json())")

    newest_last = exact(output(start(saldo, source, key)))["data"][-1]
    assert newest_last["amount"] == Decimal("150.5")
    assert newest_last["type"] == ("deposit" if name == "transactions" else "credit")


def test_keys_are_made_listed_and_revoked(saldo: Saldo) -> None:
    login = {name: saldo.world["customer"][name] for name in ("email", "password")}
    token = saldo.client().post("/api/developer/auth/token", json=login).data["token"]

    def run(name: str, key_id: str = "2") -> str:
        source = printed(name).replace("YOUR_SANCTUM_TOKEN", token).replace("api-keys/2", f"api-keys/{key_id}")
        return output(
            start(saldo, source.replace("await response.json()", "JSON.stringify(await response.json())"), "")
        )

    made = json.loads(run("keys-create"))["data"]
    assert made["id"] in {row["id"] for row in json.loads(run("keys-list"))["data"]}
    assert json.loads(run("keys-delete", str(made["id"]))) == {"message": "API key revoked successfully"}
    assert saldo.client(made["plain_key"]).get(f"{V1}/services").status == 401


def test_the_printed_loop_ends_with_the_code(waiting: "subprocess.Popen[str]") -> None:
    lines = output(waiting).splitlines()

    assert re.fullmatch(r"Phone: \+1[0-9]{10}", lines[0])
    assert re.fullmatch(r"Code expires in: (900|89[0-9])s", lines[1])
    assert lines[2].startswith("Code: ")
    assert lines[2] != "Code: undefined"
