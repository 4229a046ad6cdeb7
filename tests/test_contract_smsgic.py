"""The SMSGIC contract, as its reference prints it: every printed request and error, over HTTP."""

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.live import Saldo, wait_for
from tests.wire import Answer, Client, exact, send_raw

PRINTED = {"Content-Type": "application/json", "Accept": "application/json"}
UNAUTHENTICATED = {"message": "Unauthenticated."}
NO_MESSAGE = "Please send `message` post parameter with text for SMS"
NO_RECIPIENTS = "Please send `recipients` post parameter with recipient`s number"
NO_SENDER = "Please send `sender` post parameter with name of SMS sender"
INVALID = "The given data was invalid."
MICROS = re.compile(r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z\Z")
SECONDS = re.compile(r"\A\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\Z")
SENDING = r"""{"message":"message","recipients":"[\"951490713339111991\"]","sender":"INFO",
"scheduled_at":"2023-08-22 09:03:42"}"""


@pytest.fixture(scope="module")
def pounds(saldo: Saldo) -> Client:
    return saldo.client(token=saldo.world["api_keys"]["GBP"])


@pytest.fixture(scope="module")
def first(pounds: Client) -> int:
    """The number of the sending that the reference prints."""
    return pounds.post("/sendings", data=SENDING, headers=PRINTED).json["sending_id"]


def wanted(**changes: Any) -> dict[str, Any]:
    return {"message": "message", "recipients": ["4520123456"], "sender": "INFO"} | changes


def without(name: str) -> dict[str, Any]:
    return {field: value for field, value in wanted().items() if field != name}


def status_of(client: Client, sending: int) -> str:
    return client.get(f"/sendings/{sending}").json["sending"]["status"]


# --- Account ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/balance"), ("GET", "/senders"), ("GET", "/rates"), ("POST", "/sendings/calculate"), ("GET", "/sendings"),
     ("POST", "/sendings"), ("GET", "/sendings/301")],
)  # fmt: skip
def test_without_a_right_token_every_route_is_401(saldo: Saldo, method: str, path: str) -> None:
    for client in (saldo.client(address="127.0.8.1"), saldo.client(token="{token}", address="127.0.8.1")):
        answer = client.call(method, path, headers=PRINTED)
        assert (answer.status, answer.json) == (401, UNAUTHENTICATED)
        assert answer.headers["content-type"] == "application/json"


def test_status_needs_no_token(saldo: Saldo) -> None:
    answer = saldo.client().get("/status", headers=PRINTED)

    assert (answer.status, answer.text) == (200, '["OK"]')


def test_the_balance_is_text_with_three_decimals_and_a_sign(pounds: Client) -> None:
    answer = pounds.get("/balance", headers=PRINTED)

    assert list(answer.json) == ["balance", "sign", "code"]
    assert re.fullmatch(r"[0-9]+\.[0-9]{3}", answer.json["balance"])
    assert Decimal(answer.json["balance"]) <= 450
    assert (answer.json["sign"], answer.json["code"]) == ("£", "GBP")


def test_one_key_works_here_and_on_every_other_contract(saldo: Saldo) -> None:
    dollars = saldo.client(saldo.world["api_keys"]["USD"])

    assert (dollars.get("/balance").json["sign"], dollars.get("/api/v2/account/balance").status) == ("$", 200)


def test_senders_are_listed_as_printed(pounds: Client) -> None:
    senders = pounds.get("/senders", headers=PRINTED).json["senders"]

    assert [list(sender) for sender in senders] == [["id", "sender"]] * len(senders)
    assert "INFO" in {sender["sender"] for sender in senders}
    assert [sender["id"] for sender in senders] == sorted(sender["id"] for sender in senders)


# --- Rates --------------------------------------------------------------------------------------


def rates(answer: Answer) -> list[dict[str, Any]]:
    assert answer.status == 200, answer
    return answer.json["rates"]


def test_rates_are_listed_as_printed(pounds: Client) -> None:
    rows = rates(pounds.get("/rates", headers=PRINTED))

    assert rows
    assert {tuple(row) for row in rows} == {("mcc", "mnc", "country", "rate")}
    assert all(re.fullmatch("[0-9]{3}", row["mcc"]) for row in rows)
    assert all(row["mnc"] is None or re.fullmatch("[0-9]{2,3}", row["mnc"]) for row in rows)
    assert all(isinstance(row["rate"], Decimal | int) and row["rate"] > 0 for row in rows)


def test_the_filters_come_by_query_by_body_and_by_a_query_that_is_json(pounds: Client) -> None:
    latvia = rates(pounds.get("/rates", params={"country": "latv"}))

    assert {row["country"] for row in latvia} == {"Latvia"}
    mcc = latvia[0]["mcc"]
    for asked in (
        {"params": {"mcc": mcc}},
        {"data": json.dumps({"mcc": mcc}), "headers": PRINTED},
        {"params": json.dumps({"mcc": mcc})},
    ):
        assert rates(pounds.get("/rates", **asked)) == latvia


def test_the_printed_curl_with_its_raw_quotes_is_answered(saldo: Saldo) -> None:
    request = (
        'GET /rates?{"mcc":"247","country":"Latvia"} HTTP/1.1\r\nHost: 127.0.0.1\r\n'
        f"Authorization: Bearer {saldo.world['api_keys']['GBP']}\r\n"
        "Content-Type: application/json\r\nAccept: application/json\r\n\r\n"
    )

    answer = send_raw(saldo.port, request.encode())

    assert (answer.status, answer.content_type) == (200, "application/json")
    assert {row["mcc"] for row in exact(answer.body)["rates"]} == {"247"}


def test_the_printed_filter_itself(saldo: Saldo, pounds: Client) -> None:
    country = saldo.value("SELECT id FROM catalog_country WHERE code = 'LV'")
    asked = {"mcc": "742", "mnc": "551", "country": "Latvia", "country_id": country}

    assert rates(pounds.get("/rates", params=json.dumps(asked))) == []


@pytest.mark.parametrize("mnc", ["", "null", None])
def test_no_mnc_means_the_rest_of_the_country(pounds: Client, mnc: str | None) -> None:
    rows = rates(pounds.get("/rates", data=json.dumps({"mcc": "247", "mnc": mnc}), headers=PRINTED))

    assert {row["mnc"] for row in rows} == {None}


@pytest.mark.parametrize(
    ("asked", "field"),
    [({"mnc": "01"}, "mcc"), ({"mcc": "24"}, "mcc"), ({"mcc": "2470"}, "mcc"), ({"mcc": "２４７"}, "mcc"),
     ({"mcc": "247\n"}, "mcc"), ({"mcc": "247", "mnc": "0123"}, "mnc"), ({"country_id": "999999"}, "country_id"),
     ({"country_id": "x"}, "country_id"), ({"country_id": "9" * 30}, "country_id")],
)  # fmt: skip
def test_a_bad_filter_is_422_under_its_field(pounds: Client, asked: dict[str, str], field: str) -> None:
    answer = pounds.get("/rates", params=asked)

    assert (answer.status, list(answer.json), list(answer.json["errors"])) == (422, ["message", "errors"], [field])
    assert answer.json["message"] == answer.json["errors"][field][0]


# --- Calculations -------------------------------------------------------------------------------


def calculated(client: Client, **sent: Any) -> Any:
    answer = client.post("/sendings/calculate", json={"message": "message", **sent}, headers=PRINTED)
    assert answer.status == 200, answer
    assert answer.headers["content-type"] == "application/json"
    assert list(answer.json) == ["calculate"]
    return answer.json["calculate"]


def test_the_printed_calculation(pounds: Client) -> None:
    found = calculated(pounds, recipients=["50670503888225"])

    assert list(found) == ["info", "destinations"]
    assert set(found["info"]) == {"sms_count", "subtotal", "total", "tax"}
    (destination,) = found["destinations"]
    assert list(destination) == ["numbers", "destination", "sms_count", "price", "total"]
    (number,) = destination["numbers"]
    assert list(number) == ["phone_number", "destination", "sms", "rate", "total"]
    assert number["phone_number"] == 50670503888225
    assert number["destination"] == destination["destination"] == "Costa Rica "  # at the default rate


def test_numbers_are_grouped_by_destination_and_sums_are_exact(pounds: Client) -> None:
    recipients = ["4520123456", "6591234567", "4520123457", "6591234568", "4520123456"]

    found = calculated(pounds, recipients=recipients, message="a" * 161)

    groups = found["destinations"]
    assert [group["destination"].split()[0] for group in groups] == ["Denmark", "Singapore"]
    assert [len(group["numbers"]) for group in groups] == [3, 2]  # one was given twice
    for group in groups:
        assert {number["destination"] for number in group["numbers"]} == {group["destination"]}
        assert group["sms_count"] == sum(number["sms"] for number in group["numbers"]) == 2 * len(group["numbers"])
        assert all(number["total"] == number["rate"] * 2 for number in group["numbers"])
        assert group["total"] == group["price"] == sum(number["total"] for number in group["numbers"])
    assert found["info"]["total"] == found["info"]["subtotal"] == sum(group["total"] for group in groups)
    assert (found["info"]["sms_count"], found["info"]["tax"]) == (10, 0)


def test_recipients_may_be_a_json_text_and_whole_numbers(pounds: Client) -> None:
    as_array = calculated(pounds, recipients=["4520123456"])

    assert calculated(pounds, recipients='["4520123456"]') == as_array
    assert calculated(pounds, recipients=[4520123456]) == as_array


def test_a_calculation_takes_nothing(pounds: Client) -> None:
    before = pounds.get("/balance").text

    calculated(pounds, recipients=["4520123456"])

    assert pounds.get("/balance").text == before


@pytest.mark.parametrize(
    ("sent", "errors"),
    [
        ({"recipients": ["4520123456"]}, {"message": [NO_MESSAGE]}),
        ({"message": "message"}, {"recipients": [NO_RECIPIENTS]}),
        ({"message": "message", "recipients": []}, {"recipients": [NO_RECIPIENTS]}),
        ({}, {"message": [NO_MESSAGE], "recipients": [NO_RECIPIENTS]}),
    ],
)
def test_the_printed_errors_of_a_calculation(pounds: Client, sent: Any, errors: dict[str, list[str]]) -> None:
    answer = pounds.post("/sendings/calculate", json=sent)

    (only,) = errors.values() if len(errors) == 1 else ([INVALID],)
    assert (answer.status, answer.json) == (422, {"message": only[0], "errors": errors})


@pytest.mark.parametrize(
    "recipients",
    [["1234567"], ["1" * 21], ["+4520123456"], ["4520123456\n"], ["٤٥٢٠١٢٣٤٥٦"], [None], [[]], [{}], [1.5], [True], "x",
     "4520123456", '["x"]', 4520123456, {"a": 1}, ["4520123456", "bad"], "[" * 5_000],
)  # fmt: skip
def test_what_is_no_list_of_numbers_is_422(pounds: Client, recipients: Any) -> None:
    for path in ("/sendings/calculate", "/sendings"):
        answer = pounds.post(path, json=wanted(recipients=recipients))
        assert answer.status == 422
        assert "recipients" in answer.json["errors"]


# --- Sendings -----------------------------------------------------------------------------------


def test_the_printed_sending(pounds: Client, first: int) -> None:
    answer = pounds.post("/sendings", data=SENDING, headers=PRINTED)

    assert (answer.status, list(answer.json)) == (200, ["message", "sending_id"])
    assert answer.json["message"] == "SMS champing created"
    assert answer.json["sending_id"] > first


@pytest.mark.parametrize(
    ("field", "text"), [("message", NO_MESSAGE), ("recipients", NO_RECIPIENTS), ("sender", NO_SENDER)]
)
def test_the_printed_errors_of_a_sending_are_under_message(pounds: Client, field: str, text: str) -> None:
    answer = pounds.post("/sendings", json=without(field))

    assert (answer.status, answer.json["message"], answer.json["errors"]["message"]) == (422, text, [text])
    assert answer.json["errors"][field] == [text]


def test_several_errors_are_all_told(pounds: Client) -> None:
    answer = pounds.post("/sendings", json={})

    assert (answer.status, answer.json["message"]) == (422, INVALID)
    assert answer.json["errors"]["message"] == [NO_MESSAGE, NO_RECIPIENTS, NO_SENDER]
    assert answer.json["errors"]["recipients"] == [NO_RECIPIENTS]


@pytest.mark.parametrize(
    "wrong",
    [{"sender": "NOBODY"}, {"type": "pigeon"}, {"type": 7}, {"scheduled_at": "22.08.2023"}, {"scheduled_at": 7},
     {"scheduled_at": "2023-02-30 00:00:00"}, {"scheduled_at": "2023-08-22 09:03:42\n"}],
)  # fmt: skip
def test_other_bad_fields_are_422_under_their_name(pounds: Client, wrong: dict[str, Any]) -> None:
    answer = pounds.post("/sendings", json=wanted(**wrong))

    (field,) = wrong
    assert (answer.status, set(answer.json["errors"])) == (422, {"message", field})
    assert answer.json["message"] == answer.json["errors"][field][0] == answer.json["errors"]["message"][0]


@pytest.mark.parametrize("route", ["default", "infobip", "twilio", "messente", "trumpia", None])
def test_every_printed_type_is_a_route(pounds: Client, route: str | None) -> None:
    assert pounds.post("/sendings", json=wanted(type=route)).status == 200


def test_without_money_it_is_422_and_nothing_is_made(saldo: Saldo) -> None:
    poor = saldo.client(token=saldo.world["poor"]["api_key"])

    answer = poor.post("/sendings", json=wanted())

    assert (answer.status, list(answer.json["errors"])) == (422, ["balance"])
    assert answer.json["message"] == answer.json["errors"]["balance"][0]
    assert poor.get("/sendings").json == {"sendings": []}


def test_money_is_held_at_once_also_for_a_later_sending(saldo: Saldo, pounds: Client) -> None:
    later = datetime.now(UTC) + timedelta(days=1)
    before = Decimal(pounds.get("/balance").json["balance"])
    price = calculated(pounds, recipients=["4520123456"])["info"]["total"]

    sending = pounds.post("/sendings", json=wanted(scheduled_at=f"{later:%Y-%m-%d %H:%M:%S}")).json["sending_id"]

    assert before - Decimal(pounds.get("/balance").json["balance"]) >= price - Decimal("0.001")
    shown = pounds.get(f"/sendings/{sending}").json["sending"]
    assert (shown["status"], shown["scheduled_at"]) == ("Pending", f"{later:%Y-%m-%d %H:%M:%S}")


def test_a_sending_is_shown_as_printed_and_completes(pounds: Client, first: int) -> None:
    wait_for(lambda: status_of(pounds, first) == "Completed", "the printed number is delivered")

    shown = pounds.get(f"/sendings/{first}", headers=PRINTED).json

    assert list(shown) == ["sending"]
    assert list(shown["sending"]) == ["id", "status", "updated_at", "scheduled_at"]
    assert shown["sending"]["id"] == first
    assert MICROS.match(shown["sending"]["updated_at"])
    assert SECONDS.match(shown["sending"]["scheduled_at"])


def test_sendings_are_listed_as_printed_in_order_of_id(pounds: Client, first: int) -> None:
    two = pounds.post("/sendings", json=wanted(recipients=["4520123456", "4520123457"], message="a" * 161)).json

    rows = pounds.get("/sendings", headers=PRINTED).json["sendings"]

    assert {tuple(row) for row in rows} == {("id", "text", "created_at", "scheduled_at", "status", "total_sms")}
    assert [row["id"] for row in rows] == sorted(row["id"] for row in rows)
    assert (rows[-1]["id"], rows[-1]["total_sms"]) == (two["sending_id"], 4)
    assert MICROS.match(rows[-1]["created_at"])
    assert first in {row["id"] for row in rows}


def test_the_list_has_pages_for_who_asks(pounds: Client, first: int) -> None:
    rows = pounds.get("/sendings").json["sendings"]

    assert pounds.get("/sendings?page=1&per_page=1").json["sendings"] == rows[:1]
    assert pounds.get("/sendings?page=2&per_page=1").json["sendings"] == rows[1:2]
    assert pounds.get("/sendings?page=999999999").json == {"sendings": []}
    for bad in ("page=0", "page=x", "per_page=0", "per_page=-1", "page=１"):
        assert pounds.get(f"/sendings?{bad}").status == 422


def test_an_unknown_sending_and_a_strangers_are_the_printed_404(saldo: Saldo, first: int) -> None:
    stranger = saldo.client(token=saldo.world["stranger"]["api_key"])

    for client, number in ((stranger, first), (stranger, 999_999_999)):
        answer = client.get(f"/sendings/{number}", headers=PRINTED)
        assert (answer.status, answer.json) == (404, {"message": f"No query results for model {number}"})


def test_repeating_with_the_same_idempotency_key_sends_once(pounds: Client) -> None:
    headers = {"Idempotency-Key": "gic-1"}

    answers = [pounds.post("/sendings", json=wanted(), headers=headers) for _ in range(2)]

    assert answers[0].text == answers[1].text
    assert answers[1].headers["Idempotency-Replay"] == "true"


# --- Rules --------------------------------------------------------------------------------------


def test_refusals_have_this_contracts_shape(pounds: Client) -> None:
    for answer, status in (
        (pounds.get("/sendings/x"), 404),
        (pounds.get("/sendings/x", headers={"Accept": "text/html"}), 404),
        (pounds.call("DELETE", "/balance"), 405),
        (pounds.post("/sendings", data="{", headers=PRINTED), 400),
        (pounds.get("/rates?{%22mcc%22:"), 400),
        (pounds.post("/sendings", data="[]", headers=PRINTED), 400),
    ):
        assert (answer.status, list(answer.json)) == (status, ["message"])


def test_a_slash_at_the_end_changes_nothing(pounds: Client) -> None:
    assert pounds.post("/sendings/", json=wanted()).status == 200
    assert pounds.get("/balance/").status == 200
