"""A Twilio of our own on 127.0.0.1: it checks requests as Twilio documents them and keeps the numbers it sold.

Sources: Twilio's REST API reference: AvailablePhoneNumbers (Local, Mobile), IncomingPhoneNumbers (create, list,
delete), and its error responses (`code`, `message`, `more_info`, `status`).
"""

import base64
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

SID = "AC" + "0" * 32
TOKEN = "a-token"
BASE = f"/2010-04-01/Accounts/{SID}/"
ADDRESS = re.compile(r"\+[1-9][0-9]{7,14}")


class FakeTwilio:
    """`stock` by (country, kind). `answer` names a path and what to do there instead: a status, "hang" or "cut"."""

    def __init__(self) -> None:
        self.stock: dict[tuple[str, str], list[str]] = {}
        self.numbers: dict[str, dict[str, str]] = {}
        self.taken: set[str] = set()
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.wrong: list[str] = []
        self.instead: dict[str, object] = {}
        self.closing = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()

    def respond(self, method: str, path: str, fields: dict[str, str]) -> tuple[int, object]:
        self.requests.append((method, path, fields))
        if method == "GET" and (found := re.fullmatch(r"AvailablePhoneNumbers/([A-Z]{2})/(Local|Mobile)", path)):
            return self._search(found[1], found[2], fields)
        if path == "IncomingPhoneNumbers":
            return self._buy(fields) if method == "POST" else self._list(fields)
        if method == "DELETE" and (found := re.fullmatch(r"IncomingPhoneNumbers/(PN[0-9a-f]{32})", path)):
            gone = self.numbers.pop(found[1], None)
            return (204, None) if gone else _error(404, 20404, "The requested resource was not found")
        return _error(404, 20404, "The requested resource was not found")

    def _search(self, country: str, kind: str, fields: dict[str, str]) -> tuple[int, object]:
        if fields.get("SmsEnabled") != "true" or not fields.get("PageSize", "").isdigit():
            self.wrong.append(f"search {fields}")
        if (country, kind) not in self.stock:
            return _error(404, 20404, "The requested resource was not found")
        rows = [{"phone_number": phone, "iso_country": country} for phone in self.stock[(country, kind)]]
        return 200, {"available_phone_numbers": rows[: int(fields["PageSize"])]}

    def _buy(self, fields: dict[str, str]) -> tuple[int, object]:
        if not ADDRESS.fullmatch(fields.get("PhoneNumber", "")) or fields.get("SmsMethod") != "POST":
            self.wrong.append(f"buy {fields}")
        if len(fields.get("FriendlyName", "")) > 64 or not fields.get("SmsUrl", "").startswith("http"):
            self.wrong.append(f"buy {fields}")
        if fields["PhoneNumber"] in self.taken:
            return _error(400, 21422, f"{fields['PhoneNumber']} is not available.")
        sid = f"PN{len(self.numbers) + 1:032x}"
        self.taken.add(fields["PhoneNumber"])
        self.numbers[sid] = {
            "sid": sid, "phone_number": fields["PhoneNumber"], "friendly_name": fields["FriendlyName"],
            "sms_url": fields["SmsUrl"],
        }  # fmt: skip
        return 201, self.numbers[sid]

    def _list(self, fields: dict[str, str]) -> tuple[int, object]:
        # Like the real one's, the filter matches more than the exact name.
        wanted = fields.get("FriendlyName", "").lower()
        rows = [row for row in self.numbers.values() if row["friendly_name"].lower().startswith(wanted)]
        return 200, {"incoming_phone_numbers": rows}

    def _handler(fake):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length).decode()
                parts = urlsplit(self.path)
                fields = {name: values[0] for name, values in parse_qs(body or parts.query, True).items()}
                path = parts.path.removeprefix(BASE).removesuffix(".json")
                fake.check(self, parts.path)
                instead = fake.instead.get(f"{self.command} {path}")
                if instead == "hang":
                    fake.closing.wait(5)
                if instead == "cut before":
                    return self.cut()
                if isinstance(instead, int):
                    return self.answer(*_error(instead, 20000 + instead, "no"))
                status, answer = fake.respond(self.command, path, fields)
                if instead == "cut after":
                    return self.cut()
                return self.answer(status, "nonsense" if instead == "nonsense" else answer)

            do_GET = do_POST = do_DELETE = do

            def cut(self) -> None:
                self.close_connection = True
                self.connection.close()

            def answer(self, status: int, body: object) -> None:
                raw = b"" if body is None else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *args: object) -> None:
                pass

        return Handler

    def check(self, request: BaseHTTPRequestHandler, path: str) -> None:
        """What holds for every request: the account's path, HTTP Basic, a form where there is a body."""
        expected = "Basic " + base64.b64encode(f"{SID}:{TOKEN}".encode()).decode()
        if request.headers.get("Authorization") != expected:
            self.wrong.append("authorization")
        if not path.startswith(BASE) or not path.endswith(".json"):
            self.wrong.append(path)
        if request.command == "POST" and request.headers["Content-Type"] != "application/x-www-form-urlencoded":
            self.wrong.append(str(request.headers["Content-Type"]))


def _error(status: int, code: int, message: str) -> tuple[int, object]:
    return status, {"code": code, "message": message, "more_info": "https://www.twilio.com/docs", "status": status}
