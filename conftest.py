"""The suite runs on a real PostgreSQL of its own, without fsync, ended with the suite."""

import gc
import os
import signal
import sys
from collections.abc import Iterator

import django
import hypothesis
import pytest
from django.conf import settings
from django.test import TransactionTestCase

from config import database, env
from tests.emptied import empty_tables
from tests.prepared import template

# A suite started in the background ignores Ctrl-C, and every process it starts inherits that: the tests that send one
# would wait for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)

gc.disable()  # until all is collected, see below
# Without the compiled files every process, and the suite starts hundreds, compiles all that it imports.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

os.environ.setdefault("SALDO_DATA", str(env.BASE_DIR / ".data" / "test"))
os.environ["SALDO_ENV"] = "test"
# Named here and not in pyproject.toml: pytest-django would import the settings before these lines.
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
for name, value in env.generated_secrets().items():
    os.environ.setdefault(name, value)
EMBEDDED = not os.environ.get("DATABASE_URL")
if EMBEDDED:
    database.join(database.embedded())
django.setup()
if EMBEDDED:
    settings.DATABASES["default"]["TEST"]["TEMPLATE"] = template()
# Argon2 takes a tenth of a second for every person a test makes; the running product in tests/ keeps it.
settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# In the test's own thread: another would not see what its transaction has written.
settings.PROVIDER_CALLS_AT_ONCE = 1

# How long an example takes says what else the machine does.
hypothesis.settings.register_profile("suite", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("suite")

# Found anew for every test client, and served to browsers by the running product alone.
settings.WHITENOISE_USE_FINDERS = False


def pytest_collection_finish() -> None:
    """What is there now stays: the garbage collector need not look at it after every few objects that a test makes."""
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True, scope="session")
def _quick_flush() -> Iterator[None]:
    """Django's own takes longer than most tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda case: empty_tables())
        yield
