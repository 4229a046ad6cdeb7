"""What a newcomer does first: buy a number, see the money held, see the code come, see the money taken."""

import re
import shlex
import shutil
import subprocess
from decimal import Decimal

import pytest

from tests.live import Saldo, wait_for
from tests.wire import V1, Client, exact

PRICE = Decimal("0.15")


@pytest.fixture(scope="module")
def walker(saldo: Saldo, keys: dict[str, str]) -> Client:
    return saldo.client(keys["walk"])


def code_of(client: Client, activation_id: int) -> str:
    """The reference's loop: poll until there is a code."""
    return wait_for(lambda: client.check_sms(activation_id).data["code"], "the code arrives")


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_curl_that_the_demo_prints_buys_a_number(saldo: Saldo) -> None:
    printed = saldo.manage("demo").stdout
    command = printed[printed.index("curl ") :].replace("\\\n", " ")

    answered = subprocess.run(shlex.split(command), capture_output=True, text=True, check=True, timeout=30).stdout

    bought = exact(answered)["data"]
    assert (bought["service"], bought["country"], bought["status"]) == ("telegram", "US", "pending")
    assert bought["phone"].startswith("+1")


def test_money_is_held_then_captured_when_the_code_comes(walker: Client) -> None:
    before = walker.wallet()

    bought = walker.buy().data
    held = walker.wallet()
    code = code_of(walker, bought["id"])
    after = walker.wallet()

    assert (held["balance"], held["hold"], held["available"]) == (before["balance"], PRICE, before["available"] - PRICE)
    assert walker.check_sms(bought["id"]).data["status"] == "completed"
    assert code == walker.check_sms(bought["id"]).data["code"]
    assert (after["balance"], after["hold"], after["available"]) == (before["balance"] - PRICE, 0, held["available"])


def test_whatever_the_wording_of_the_sms_a_code_is_found_in_it(walker: Client) -> None:
    bought = [walker.buy().data["id"] for _ in range(4)]  # the sandbox has four wordings, in turn

    codes = [code_of(walker, each) for each in bought]

    assert [code for code in codes if not re.fullmatch("[0-9]{6}", code)] == []


def test_the_statement_tells_the_purchase_with_its_cause(walker: Client) -> None:
    bought = walker.buy().data
    code_of(walker, bought["id"])

    newest = walker.statement(limit=1)[0]

    assert (newest["type"], newest["kind"], newest["amount"]) == ("debit", "sms_purchase", PRICE)
    assert newest["description"] == f"Telegram rental #{bought['id']}"
    assert newest["balance_after"] == walker.wallet()["balance"]


def test_an_sms_sent_by_hand_arrives_at_an_open_number(saldo: Saldo, walker: Client) -> None:
    bought = walker.buy("sandbox-multi").data
    text = "G-481516 is your Google code"

    printed = saldo.manage("sandbox_inbound", "--to", bought["phone"], "--text", text, "--from", "Google").stdout

    assert printed == f"matched: activation {bought['id']}, code 481516\n"
    messages = walker.check_sms(bought["id"]).data["messages"]
    assert ("481516", text, "Google") in {(sms["code"], sms["text"], sms["sender"]) for sms in messages}


def test_another_customers_key_finds_nothing_of_it(saldo: Saldo, walker: Client) -> None:
    bought = walker.buy().data
    stranger = saldo.client(saldo.world["stranger"]["api_key"])
    path = f"{V1}/activations/{bought['id']}"

    answers = [stranger.get(path), stranger.get(f"{path}/check-sms"), stranger.post(f"{path}/cancel")]

    assert [answer.status for answer in answers] == [404, 404, 404]
    assert {answer.text for answer in answers} == {'{"message": "Not found.", "error": "not_found"}'}
    assert bought["id"] not in {row["id"] for row in stranger.get(f"{V1}/activations").data}
    assert bought["phone"] not in stranger.get(f"{V1}/wallet/transactions").text
    assert walker.get(path).data["status"] in {"pending", "completed"}


def test_the_demo_world_is_made_once_and_its_credentials_anew(saldo: Saldo) -> None:
    counted = "SELECT (SELECT count(*) FROM wallets_customer), (SELECT count(*) FROM catalog_offer)"
    first, before = saldo.world, saldo.query(counted)

    second = saldo.demo()

    assert saldo.query(counted) == before
    assert second["customer"]["id"] == first["customer"]["id"]
    assert second["api_keys"]["USD"] != first["api_keys"]["USD"]
    for key in (*first["api_keys"].values(), *second["api_keys"].values()):
        assert saldo.client(key).get(f"{V1}/wallet/balance").status == 200


def test_the_demo_prints_one_json_object_with_everything_to_try(saldo: Saldo) -> None:
    world = saldo.demo()  # anything else on stdout would not parse

    assert {"base_url", "staff", "customer", "api_keys", "templates", "stranger", "poor"} <= world.keys()
    assert {*world["templates"]} == {"approved", "draft"}
    assert {*world["poor"]} >= {"api_key", "template", "client"}
    assert set(world["clients"]) == {"live", "test", "dryrun"}
    for client in (*world["clients"].values(), world["stranger"]["client"], world["poor"]["client"]):
        assert {*client} == {"client_id", "client_secret", "app_secret_key"}
    assert world["base_url"] == saldo.url
    assert set(world["api_keys"]) == {"USD", "NGN", "GBP", "GHS"}
    assert {*world["staff"]} == {*world["sms_v1"]} == {"username", "password"}


def test_the_demo_refuses_to_run_in_production(saldo: Saldo) -> None:
    refused = saldo.manage("demo", "--json", check=False, SALDO_ENV="production")

    assert refused.returncode != 0
    assert refused.stdout == ""
    assert "production" in refused.stderr
