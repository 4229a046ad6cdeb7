"""System checks: what must not be, said before the first request."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004  (Django's name)
from django.db import connection
from django.utils.module_loading import import_string

TAG = "saldo"  # these alone: without loading the pages of the back office, as Django's own do
MINIMUM_VERSION = 160_000
CURRENCY = re.compile(r"\A[A-Z]{3}\Z")
HEX_SECRET = re.compile(r"\A([0-9a-fA-F]{2}){16,}\Z")


@register(TAG)
def production_is_not_a_sandbox(**kwargs: Any) -> list[CheckMessage]:
    if not settings.PRODUCTION:
        return []
    found: list[CheckMessage] = []
    if settings.DEBUG:
        found.append(Error("DEBUG is on in production.", hint="Unset SALDO_DEBUG.", id="saldo.E001"))
    if settings.SANDBOX:
        found.append(Error("Sandbox providers are on in production.", hint="Unset SANDBOX.", id="saldo.E002"))
    if not settings.ALLOWED_HOSTS or "*" in settings.ALLOWED_HOSTS:
        found.append(Error("ALLOWED_HOSTS names no host.", hint="ALLOWED_HOSTS=api.example.com", id="saldo.E003"))
    if not settings.PUBLIC_BASE_URL.startswith("https://"):
        found.append(
            Error("PUBLIC_BASE_URL is not https.", hint="PUBLIC_BASE_URL=https://api.example.com", id="saldo.E004")
        )
    if settings.EMBEDDED_DATABASE:
        found.append(Warning("The embedded PostgreSQL serves production.", hint="Set DATABASE_URL.", id="saldo.W005"))
    return found


@register(TAG)
def secrets_are_strong(**kwargs: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    if len(settings.SECRET_KEY) < 40:
        found.append(Error("SECRET_KEY is too short.", hint="At least 40 random characters.", id="saldo.E006"))
    if not all(HEX_SECRET.match(pepper) for pepper in settings.KEY_PEPPERS.values()):
        found.append(
            Error(
                "A key pepper is too short, or not hexadecimal.", hint="KEY_PEPPERS=1:<64 hex digits>", id="saldo.E007"
            )
        )
    return found


@register(TAG)
def deadlines_nest(**kwargs: Any) -> list[CheckMessage]:
    if settings.PROVIDER_DEADLINE_SECONDS < settings.REQUEST_DEADLINE_SECONDS:
        return []
    return [
        Error(
            "A provider call may outlast the request that makes it.",
            hint="PROVIDER_DEADLINE_SECONDS must be below REQUEST_DEADLINE_SECONDS.",
            id="saldo.E008",
        )
    ]


@register(TAG)
def ticks_exist(**kwargs: Any) -> list[CheckMessage]:
    """Every tick is a function that can be imported and an interval above zero."""
    return [
        Error(f"The tick {name} {fault}.", hint="settings.TICKS", id="saldo.E009")
        for name, seconds in settings.TICKS.items()
        if (fault := _fault_of(name, seconds))
    ]


def _fault_of(name: str, seconds: float) -> str:
    try:
        function = import_string(name)
    except ImportError as error:
        return f"cannot be imported: {error}"
    if not callable(function):
        return "is not a function"
    return "" if seconds > 0 else "has no interval"


@register(TAG)
def encryption_keys_work(**kwargs: Any) -> list[CheckMessage]:
    try:
        for key in settings.ENCRYPTION_KEYS:
            Fernet(key)
    except ValueError:
        hint = "Fernet keys, newest first, comma-separated; make one with cryptography.fernet.Fernet.generate_key()."
        return [Error("ENCRYPTION_KEYS holds something that is not a Fernet key.", hint=hint, id="saldo.E013")]
    return []


@register(TAG)
def static_files_are_collected(**kwargs: Any) -> list[CheckMessage]:
    if not settings.PRODUCTION or (Path(settings.STATIC_ROOT) / "staticfiles.json").exists():
        return []
    return [Warning("The admin's static files are missing.", hint="manage.py collectstatic", id="saldo.W014")]


@register(TAG)
def smm_panel_is_complete(**kwargs: Any) -> list[CheckMessage]:
    """A panel has an address, a key and a currency; its key never travels in the clear in production."""
    url = urlsplit(settings.SMM_PANEL_URL)
    found: list[CheckMessage] = []
    if bool(settings.SMM_PANEL_URL) != bool(settings.SMM_PANEL_KEY):
        found.append(
            Error(
                "The SMM panel has an address or a key, but not both.",
                hint="SMM_PANEL_URL, SMM_PANEL_KEY",
                id="saldo.E020",
            )
        )
    if settings.SMM_PANEL_URL and (url.scheme not in {"http", "https"} or not url.hostname):
        found.append(
            Error("SMM_PANEL_URL is no address.", hint="SMM_PANEL_URL=https://panel.example/api/v2", id="saldo.E021")
        )
    if settings.PRODUCTION and url.scheme == "http":
        found.append(Error("SMM_PANEL_URL is not https.", hint="The key travels in every request.", id="saldo.E022"))
    if not CURRENCY.match(settings.SMM_PANEL_CURRENCY):
        found.append(Error("SMM_PANEL_CURRENCY is no currency.", hint="SMM_PANEL_CURRENCY=USD", id="saldo.E023"))
    return found


@register(TAG)
def mail_is_safe(**kwargs: Any) -> list[CheckMessage]:
    """The mail server's password never travels in the clear in production, and webhooks of mail are proven."""
    found: list[CheckMessage] = []
    in_the_clear = not (settings.EMAIL_USE_TLS or settings.EMAIL_USE_SSL)
    if settings.PRODUCTION and settings.EMAIL_HOST_PASSWORD and in_the_clear:
        hint = "SMTP_URL=smtp+tls://user:password@host:587"
        found.append(Error("The mail server's password travels in the clear.", hint=hint, id="saldo.E024"))
    if settings.EMAIL_ESP and not settings.ANYMAIL.get("WEBHOOK_SECRET"):
        hint = "ANYMAIL_WEBHOOK_SECRET=user:password"
        found.append(Warning("Nobody can tell of bounces and complaints.", hint=hint, id="saldo.W025"))
    if settings.EMAIL_BOUNCE_ADDRESS and not settings.EMAIL_BOUNCE_SECRET:
        hint = "EMAIL_BOUNCE_SECRET: whoever receives mail there posts it to us with it."
        found.append(Warning("Mail that comes back is heard by nobody.", hint=hint, id="saldo.W026"))
    return found


@register(Tags.database)
def database_keeps_its_word(**kwargs: Any) -> list[CheckMessage]:
    """PostgreSQL ≥ 16, durable commits (outside tests), and the timeouts that keep one request from holding all."""
    if "default" not in (kwargs.get("databases") or ()):
        return []
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, setting FROM pg_settings")
        setting = dict(cursor.fetchall())
    found: list[CheckMessage] = []
    if int(setting["server_version_num"]) < MINIMUM_VERSION:
        found.append(Error("PostgreSQL is older than 16.", id="saldo.E010"))
    if settings.SALDO_ENV != "test":
        found += _lost_by_a_crash(setting)
    return found + _without_timeouts(setting)


def _lost_by_a_crash(setting: dict[str, str]) -> list[CheckMessage]:
    return [
        Error(f"{name} is off: acknowledged purchases could be lost.", hint=f"{name} = on", id="saldo.E011")
        for name in ("fsync", "full_page_writes", "synchronous_commit")
        if setting[name] == "off"
    ]


def _without_timeouts(setting: dict[str, str]) -> list[CheckMessage]:
    return [
        Error(
            f"{name} does not reach the database.",
            hint=f"A pooler drops start-up options: ALTER ROLE … SET {name} = …",
            id="saldo.E012",
        )
        for name in ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
        if setting[name] == "0"
    ]
