"""`manage.py demo`: a world to try everything in, with fresh credentials each time."""

import json
import secrets
from dataclasses import asdict
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from activations.models import PoolNumber
from apikeys.models import Membership, Mode, User
from apikeys.services import clients, keys, passwords
from catalog.demo import ensure_demo_catalogue
from catalog.models import Country
from catalog.services.networks import load_networks
from notifications.demo import ensure_approved_template, ensure_draft_template, ensure_notification_world
from wallets.models import Customer, Wallet
from wallets.services import deposit, open_customer, open_wallet

ACTOR = "task:demo"
STAFF_EMAIL = "staff@saldo.example"
MAIN_EMAIL = "owner@demo.example"
# What each wallet of the main customer holds at least. The first is the default wallet.
BALANCES = {"USD": Decimal("150.50"), "NGN": Decimal(50_000), "GBP": Decimal(450), "GHS": Decimal("125.50")}
STRANGER = {"USD": Decimal(100), "GHS": Decimal(100)}
POOL = ("+12025550143", "+12025550187", "+447700900461")
KEY_LIFETIME = timedelta(days=365)
TEST_PHONE, TEST_EMAIL = "+233245970000", "qa@demo.example"


class Command(BaseCommand):
    requires_system_checks = ()  # a start of `make run` waits for it, and the web server makes them next
    help = (
        "Ensure the demo world and print fresh credentials. Development only; repeating it only adds what is missing."
    )

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--json", action="store_true", help="One JSON object on stdout.")

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("The demo world is for development: SALDO_ENV is production.")
        world = demo_world()
        if options["json"]:
            self.stdout.write(json.dumps(world))
        else:
            self.stdout.write(told(world))


def demo_world() -> dict[str, Any]:
    """Everything the demo needs; passwords and keys are new at every call, and shown only here."""
    ensure_demo_catalogue()
    load_networks()
    ensure_notification_world()
    _ensure_pool()
    main = _ensure_customer("Demo Reseller", MAIN_EMAIL, BALANCES, default_region="KE")
    stranger = _ensure_customer("Somebody Else", "owner@stranger.example", STRANGER)
    poor = _ensure_customer("Empty Pockets", "owner@poor.example", dict.fromkeys(BALANCES, Decimal(0)))
    owner, owner_password = _ensure_user(MAIN_EMAIL)
    Membership.objects.get_or_create(user=owner, customer=main)
    _, staff_password = _ensure_user(STAFF_EMAIL, is_staff=True, is_superuser=True)
    return {
        "base_url": settings.PUBLIC_BASE_URL,
        "staff": {"username": STAFF_EMAIL, "password": staff_password},
        "customer": {"id": main.pk, "email": MAIN_EMAIL, "password": owner_password},
        "api_keys": {wallet.currency: _key(wallet) for wallet in _wallets(main)},
        "clients": {mode: _client(main, mode) for mode in Mode.values},
        "sms_v1": _sms_login(main.wallets.get(currency="USD")),
        "templates": {"approved": ensure_approved_template(main), "draft": ensure_draft_template(main)},
        "stranger": {"api_key": _key(stranger.wallets.get(currency="USD")), "client": _client(stranger)},
        "poor": {
            "api_key": _key(poor.wallets.get(currency="USD")),
            "client": _client(poor),
            "template": ensure_approved_template(poor),
        },
    }


def told(world: dict[str, Any]) -> str:
    """The same for people."""
    base, key, sms = world["base_url"], world["api_keys"]["USD"], world["sms_v1"]
    return "\n".join(
        [
            f"Admin       {base}/admin/",
            f"  login     {world['staff']['username']}  {world['staff']['password']}",
            f"API docs    {base}/api/docs",
            f"API key     {key}",
            f"plainsms    {sms['username']}  {sms['password']}",
            "",
            "Buy a Telegram number in the US; its SMS comes by itself:",
            f"  curl -s {base}/api/developer/v1/activations/buy -H 'X-API-Key: {key}' \\",
            '       -H \'Content-Type: application/json\' -d \'{"service": "telegram", "country": "US"}\'',
        ]
    )


def _ensure_customer(name: str, email: str, balances: dict[str, Decimal], default_region: str = "US") -> Customer:
    customer = Customer.objects.filter(email=email).first()
    if customer is None:
        first = next(iter(balances))
        customer = open_customer(name=name, email=email, currency=first, default_region=default_region)
    for currency, least in balances.items():
        _top_up(open_wallet(customer=customer, currency=currency), least)
    return customer


def _top_up(wallet: Wallet, least: Decimal) -> None:
    missing = least - wallet.available
    if missing > 0:
        reference = f"demo:{wallet.pk}:{secrets.token_hex(6)}"
        deposit(wallet=wallet, amount=missing, reference=reference, description="Demo deposit", actor=ACTOR)


def _ensure_user(email: str, **flags: bool) -> tuple[User, str]:
    password = secrets.token_urlsafe(12)
    user = User.objects.filter(email=email).first() or User(email=email, **flags)
    user.set_password(password)
    user.save()
    return user, password


def _ensure_pool() -> None:
    """A few numbers of the operator's own, for the offers of provider `pool` that staff may add."""
    for phone in POOL:
        country = Country.objects.get(code="GB" if phone.startswith("+44") else "US")
        PoolNumber.objects.get_or_create(phone=phone, defaults={"country": country})


def _wallets(customer: Customer) -> list[Wallet]:
    return list(customer.wallets.order_by("-is_default", "currency"))


def _key(wallet: Wallet) -> str:
    _, plain = keys.issue_key(
        customer=wallet.customer,
        wallet=wallet,
        name=f"Demo key {wallet.currency}",
        actor=ACTOR,
        expires_at=timezone.now() + KEY_LIFETIME,
    )
    return plain


def _client(customer: Customer, mode: str = Mode.LIVE) -> dict[str, str]:
    """A fresh client credential; in test mode with a phone and an address that its messages go to."""
    in_test = mode == Mode.TEST
    _, shown = clients.issue_client(
        customer=customer,
        name=f"Demo client {mode}",
        actor=ACTOR,
        mode=mode,
        test_phone=TEST_PHONE if in_test else "",
        test_email=TEST_EMAIL if in_test else "",
        expires_at=timezone.now() + KEY_LIFETIME,
    )
    return asdict(shown)


def _sms_login(wallet: Wallet) -> dict[str, str]:
    """Another username and password for plainsms."""
    password, plain = passwords.issue_password(
        customer=wallet.customer, wallet=wallet, username=f"demo-{secrets.token_hex(6)}", actor=ACTOR
    )
    return {"username": password.username, "password": plain}
