import os
import subprocess
import sys

import pytest
from cryptography.fernet import Fernet
from django.db import connection

from config import checks
from config.tests.processes import ROOT


@pytest.fixture
def production(settings, tmp_path):
    """A production that passes every check."""
    settings.SALDO_ENV = "production"
    settings.PRODUCTION = True
    settings.SANDBOX = settings.DEBUG = settings.EMBEDDED_DATABASE = False
    settings.ALLOWED_HOSTS = ["api.example.com"]
    settings.PUBLIC_BASE_URL = "https://api.example.com"
    settings.STATIC_ROOT = tmp_path
    (tmp_path / "staticfiles.json").touch()
    return settings


def ids(found) -> list[str]:
    return [message.id for message in found]


def in_production(command: str = "check", **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {
        "PATH": os.environ["PATH"],
        "SALDO_DATA": "/nonexistent",
        "DATABASE_URL": "postgres://nobody@127.0.0.1:1/x",
    }
    return subprocess.run(
        [sys.executable, "manage.py", command],
        cwd=ROOT,
        env=clean | environment,
        capture_output=True,
        text=True,
        check=False,
    )


SECRETS = {
    "SECRET_KEY": "s" * 50,
    "KEY_PEPPERS": "1:" + "0" * 64,
    "ENCRYPTION_KEYS": Fernet.generate_key().decode(),
}


@pytest.mark.parametrize("missing", SECRETS)
def test_production_does_not_start_without_a_secret_and_names_it(missing):
    done = in_production(**{name: value for name, value in SECRETS.items() if name != missing})
    assert done.returncode != 0
    assert f"{missing} is not set" in done.stderr


@pytest.mark.parametrize("command", ["check", "worker"])
def test_production_does_not_start_with_sandbox_providers(command):
    done = in_production(command, SANDBOX="1", **SECRETS)
    assert done.returncode != 0
    assert "saldo.E002" in done.stderr


def test_production_is_what_runs_when_nobody_says_otherwise():
    done = in_production(**SECRETS)
    assert done.returncode != 0
    assert "saldo.E003" in done.stderr
    assert "saldo.E004" in done.stderr


def test_a_well_configured_production_starts():
    done = in_production(**SECRETS, ALLOWED_HOSTS="api.example.com", PUBLIC_BASE_URL="https://api.example.com")
    assert done.returncode == 0, done.stderr
    assert "saldo.W014" in done.stderr


def test_nothing_is_wrong_with_a_good_production(production):
    assert checks.production_is_not_a_sandbox() == []
    assert checks.static_files_are_collected() == []


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("DEBUG", True, "saldo.E001"),
        ("SANDBOX", True, "saldo.E002"),
        ("ALLOWED_HOSTS", [], "saldo.E003"),
        ("ALLOWED_HOSTS", ["*"], "saldo.E003"),
        ("PUBLIC_BASE_URL", "http://api.example.com", "saldo.E004"),
        ("EMBEDDED_DATABASE", True, "saldo.W005"),
    ],
)
def test_production_refuses(production, name, value, expected):
    setattr(production, name, value)
    assert ids(checks.production_is_not_a_sandbox()) == [expected]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("SECRET_KEY", "short", "saldo.E006"),
        ("KEY_PEPPERS", {"2": "0" * 64, "1": "weak"}, "saldo.E007"),
        ("KEY_PEPPERS", {"1": "not hexadecimal but long enough to be a secret"}, "saldo.E007"),
    ],
)
def test_weak_secrets_are_refused(settings, name, value, expected):
    setattr(settings, name, value)
    assert ids(checks.secrets_are_strong()) == [expected]


def test_keys_that_cannot_encrypt_are_refused(settings):
    assert checks.encryption_keys_work() == []
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode(), "not a key"]
    assert ids(checks.encryption_keys_work()) == ["saldo.E013"]


def test_a_provider_may_not_outlast_the_request(settings):
    settings.PROVIDER_DEADLINE_SECONDS = settings.REQUEST_DEADLINE_SECONDS
    assert ids(checks.deadlines_nest()) == ["saldo.E008"]


@pytest.mark.parametrize(
    ("name", "seconds"),
    [
        ("config.nowhere.tick", 1),
        ("config.env.missing", 1),
        ("config.env.BASE_DIR", 1),
        ("config.ticks.add_missing", 0),
    ],
)
def test_a_tick_that_cannot_run_is_refused(settings, name, seconds):
    settings.TICKS = {name: seconds}
    assert ids(checks.ticks_exist()) == ["saldo.E009"]


def test_the_ticks_of_the_product_exist():
    assert checks.ticks_exist() == []


def test_missing_static_files_are_a_warning(production):
    (production.STATIC_ROOT / "staticfiles.json").unlink()
    assert ids(checks.static_files_are_collected()) == ["saldo.W014"]


@pytest.mark.django_db
def test_a_database_that_forgets_commits_is_refused_outside_tests(production):
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
    found = checks.database_keeps_its_word(databases=["default"])
    assert "saldo.E011" in ids(found)
    production.SALDO_ENV = "test"
    assert checks.database_keeps_its_word(databases=["default"]) == []


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout"])
def test_a_pooler_that_drops_a_timeout_is_noticed(name):
    with connection.cursor() as cursor:
        cursor.execute(f"SET {name} = 0")
    assert ids(checks.database_keeps_its_word(databases=["default"])) == ["saldo.E012"]


def test_the_database_is_not_asked_unless_it_is_checked():
    assert checks.database_keeps_its_word() == []


def test_the_mail_servers_password_does_not_travel_in_the_clear(production):
    production.EMAIL_HOST_PASSWORD = "right"
    assert ids(checks.mail_is_safe()) == ["saldo.E024"]
    production.EMAIL_USE_TLS = True
    assert checks.mail_is_safe() == []


def test_webhooks_of_mail_without_a_secret_are_named(production):
    production.EMAIL_ESP, production.ANYMAIL = "mailgun", {}
    production.EMAIL_BOUNCE_ADDRESS = "bounces@example.com"
    assert ids(checks.mail_is_safe()) == ["saldo.W025", "saldo.W026"]
