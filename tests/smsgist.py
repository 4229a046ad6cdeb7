"""Client programs of the SMSGist contract: their tokens are made by the program that the docs page shows."""

import json
import runpy
from pathlib import Path
from typing import Any

from config import env
from tests.live import Saldo
from tests.wire import Answer, Client

SNIPPET = Path(env.BASE_DIR) / "templates" / "docs" / "snippets" / "smsgist_token.py"
token_of = runpy.run_path(str(SNIPPET))["smsgist_token"]


class Gist(Client):
    """A program with a client credential."""

    def __init__(self, url: str, credential: dict[str, str], *, address: str = "127.0.0.1") -> None:
        self.credential = credential
        token = token_of(credential["client_secret"], credential["app_secret_key"])
        super().__init__(url, token=token, address=address)
        self.session.headers["X-Client-Id"] = credential["client_id"]

    def sms(self, *recipients: str, key: str | None = None, **more: Any) -> Answer:
        body = {"recipients": list(recipients), "message": "Your OTP is 482916"} | more
        headers = {} if key is None else {"X-Idempotency-Key": key}
        return self.post("/api/sms/send", json=body, headers=headers)

    def status(self, message_id: str) -> Answer:
        return self.get(f"/api/message/{message_id}/status")

    def retry(self, message_id: str) -> Answer:
        return self.post(f"/api/message/{message_id}/retry")

    def credits(self) -> Any:
        return self.get("/api/credits/balance").data


def programs(saldo: Saldo, name: str, cedis: str) -> dict[str, Gist]:
    """A new customer with that much in a GHS wallet: a program in each mode, `limited` has 2 requests a minute."""
    script = NEW_PROGRAMS.format(name=name, cedis=cedis)
    made = json.loads(saldo.manage("shell", "--no-imports", "-c", script).stdout.splitlines()[-1])
    return {kind: Gist(saldo.url, credential) for kind, credential in made.items()}


NEW_PROGRAMS = """
import json
from dataclasses import asdict
from decimal import Decimal
from apikeys.services.clients import issue_client
from wallets.services import deposit, open_customer

email = "{name}@smsgist.example"
customer = open_customer(name="{name}", email=email, currency="GHS", default_region="GH")
if Decimal("{cedis}"):
    deposit(wallet=customer.wallets.get(), amount=Decimal("{cedis}"), reference="e2e:gist:{name}", actor="task:e2e")

def made(name, **terms):
    return asdict(issue_client(customer=customer, name=name, actor="task:e2e", **terms)[1])

print(json.dumps(dict(
    live=made("live"),
    other=made("other"),
    dryrun=made("dryrun", mode="dryrun"),
    test=made("test", mode="test", test_phone="+233245970000", test_email="qa@smsgist.example"),
    nowhere=made("nowhere", mode="test"),
    limited=made("limited", rate_limit_per_minute=2),
)))
"""
