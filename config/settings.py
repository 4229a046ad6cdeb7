"""Every setting of the product, from the environment (see README, "In production")."""

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import structlog
from django.core.exceptions import ImproperlyConfigured

from config import admin, database, env
from config.logs import logging_config

BASE_DIR: Path = env.BASE_DIR
ENV = env.load()

# production (unless told otherwise), development (`make run`) or test.
SALDO_ENV = ENV.str("SALDO_ENV", default="production")
if SALDO_ENV not in {"production", "development", "test"}:
    raise ImproperlyConfigured("SALDO_ENV is production, development or test.")
PRODUCTION = SALDO_ENV == "production"


def secret(name: str) -> str:
    """A secret from the environment; without it nothing starts."""
    value = ENV.str(name, default="")
    if not value:
        raise ImproperlyConfigured(f"{name} is not set. `make run` generates it; in production set it yourself.")
    return value


SECRET_KEY = secret("SECRET_KEY")
SECRET_KEY_FALLBACKS = ENV.list("SECRET_KEY_FALLBACKS", default=[])
# "version:hex" pairs, newest first; API keys are stored as HMAC-SHA256 under one of them.
KEY_PEPPERS = dict(pair.split(":", 1) for pair in secret("KEY_PEPPERS").split(","))
# Fernet keys, newest first; what must be recoverable is encrypted with the first.
ENCRYPTION_KEYS = secret("ENCRYPTION_KEYS").split(",")
# Where that is stored, for `manage.py reencrypt`.
ENCRYPTED_COLUMNS = (
    "apikeys.ApiKey.signing_copy",
    "apikeys.ClientCredential.encrypted_app_key",
    "notifications.WebhookEndpoint.secret",
    "notifications.WebhookEndpoint.previous_secret",
    "notifications.WebhookEndpoint.signing_key",
)

# Off in development too: an API client must see the same errors everywhere.
DEBUG = ENV.bool("SALDO_DEBUG", default=False)
PUBLIC_BASE_URL = ENV.str("PUBLIC_BASE_URL", default=f"http://127.0.0.1:{ENV.int('PORT', default=8000)}").rstrip("/")
ALLOWED_HOSTS = ENV.list("ALLOWED_HOSTS", default=[] if PRODUCTION else ["*"])
CSRF_TRUSTED_ORIGINS = [PUBLIC_BASE_URL]
CSRF_FAILURE_VIEW = "config.refusals.csrf_failed"
# How many proxies of ours stand in front: that many X-Forwarded-For entries are believed.
NUM_PROXIES = ENV.int("NUM_PROXIES", default=0)

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.import_export",
    "django.contrib.admin.apps.SimpleAdminConfig",  # config.urls finds the pages: a worker starts twice as fast without
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "django_filters",
    "knox",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "import_export",
    "django_q",
    "anymail",
    "config",
    "templates",
    "wallets",
    "apikeys",
    "catalog",
    "notifications",
    "activations",
]

MIDDLEWARE = [
    "config.logs.RequestLogMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.refusals.RefuseNulMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
APPEND_SLASH = False  # a redirected POST loses its body

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- Database -----------------------------------------------------------------------
# Importing this starts nothing: manage.py, the server and the tests call database.join().

DATABASE_URL = ENV.str("DATABASE_URL", default="")
EMBEDDED_DATABASE = not DATABASE_URL
# PgBouncer between us and the database: no start-up options (the role carries them), no server-side cursors.
DATABASE_POOLER = ENV.bool("DATABASE_POOLER", default=False)
_DATABASE: dict[str, Any] = database.from_url(DATABASE_URL) if DATABASE_URL else database.embedded().django
DATABASES: dict[str, dict[str, Any]] = {
    "default": _DATABASE
    | {
        "CONN_MAX_AGE": None,  # a connection per request is 5 to 8 times slower
        "CONN_HEALTH_CHECKS": True,
        "DISABLE_SERVER_SIDE_CURSORS": DATABASE_POOLER,
        "OPTIONS": {
            "application_name": "saldo",
            "connect_timeout": 5,
            # A database host that vanished without a word is noticed within half a minute.
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 4,
            "tcp_user_timeout": 30_000,
            **({} if DATABASE_POOLER else {"options": database.STARTUP_OPTIONS}),
        }
        | _DATABASE.get("OPTIONS", {}),  # what DATABASE_URL says, such as sslmode
        "TEST": {"NAME": "test_saldo"},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATA_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2_000

# Apps add their own proofs to `audit_ledger` here: functions that yield differences.
LEDGER_CHECKS: list[str] = [
    "activations.audit.checks",
    "notifications.audit.checks",
    "notifications.sending_audit.checks",
]

# What the apps above do when no copy of an API key may be kept any more: functions (public_id).
KEY_FORGETTERS: list[str] = ["notifications.services.webhooks.forget_signing_key"]

# --- Work that happens later ----------------------------------------------------------

Q_REDIS_URL = ENV.str("Q_REDIS_URL", default="")
Q_CLUSTER: dict[str, Any] = {
    "name": "saldo",
    "workers": ENV.int("Q_WORKERS", default=2),
    "bulk": 1,
    "timeout": 300,
    "retry": 3600,  # far above timeout: a task still running is never handed out again
    "max_attempts": 1,  # our own rows are the work; the next tick looks again
    "save_limit": 100,
    "recycle": 5_000,
    "poll": 0.2,
    "catch_up": False,
    "scheduler": False,  # ticks come from `manage.py worker`, see config/ticks.py
    "label": "Queue",
    **({"redis": Q_REDIS_URL} if Q_REDIS_URL else {"orm": "default"}),
}

# Periodic work: a function without arguments, and its interval in seconds (see config/ticks.py).
TICKS: dict[str, float] = {
    "activations.tasks.settle_due_activations": 1,
    "activations.tasks.deliver_sandbox_texts": 1,
    "activations.tasks.settle_smm_orders": 1,
    "activations.tasks.sync_smm_services": 6 * 3600,
    "activations.tasks.renew_due_subscriptions": 5,
    "activations.tasks.settle_subscription_numbers": 1,
    "notifications.tasks.dispatch_messages": 1,
    "notifications.tasks.settle_due_messages": 1,
    "notifications.tasks.settle_chunks": 0.5,
    "notifications.tasks.finish_canceling": 2,
    "notifications.tasks.deliver_sandbox_reports": 0.5,
    "notifications.tasks.ask_about_templates": 60,
    "notifications.tasks.erase_old_texts": 300,
    "notifications.tasks.tidy_webhooks": 300,
    "catalog.tasks.import_rate_sheets": 1,
    "wallets.tasks.release_expired_holds": 30,
    "wallets.tasks.roll_up_accounts": 300,
    "wallets.tasks.look_for_low_balances": 10,
    "wallets.tasks.mail_low_balances": 10,
    "wallets.tasks.erase_event_payloads": 300,
    "activations.tasks.erase_old_texts": 300,
    "apikeys.tasks.erase_expired": 300,
    "apikeys.tasks.tell_of_expiring_keys": 600,
}
# Commands that run as long as `manage.py worker` does, beside the queue, each in a process of its own.
COMPANIONS: list[str] = ["deliver_webhooks"]
# A queue that has answered no tick for this long is killed and replaced by `manage.py worker`.
QUEUE_STALE_SECONDS = ENV.float("QUEUE_STALE_SECONDS", default=60)

# --- People -----------------------------------------------------------------------------

AUTH_USER_MODEL = "apikeys.User"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PUBLIC_BASE_URL.startswith("https://")
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if NUM_PROXIES else None
SECURE_HSTS_SECONDS = ENV.int("HSTS_SECONDS", default=0)
X_FRAME_OPTIONS = "DENY"

# --- The API ------------------------------------------------------------------------------

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["config.api.ExactJSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["config.api.StrictJSONParser", "config.api.StrictFormParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "config.api.AlwaysJSON",
    "DEFAULT_PAGINATION_CLASS": None,
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_SCHEMA_CLASS": "config.api.schema.Schema",
    "NUM_PROXIES": NUM_PROXIES,
    "UNAUTHENTICATED_USER": None,
    "COERCE_DECIMAL_TO_STRING": False,
}
REST_KNOX: dict[str, Any] = {"AUTH_HEADER_PREFIX": "Bearer", "AUTO_REFRESH": False}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Saldo API",
    "DESCRIPTION": "Numbers, messages and orders, paid from prepaid wallets.",
    "VERSION": "1",
    "SERVERS": [{"url": PUBLIC_BASE_URL}],
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/developer",
    "POSTPROCESSING_HOOKS": ["config.api.schema.tidy"],
    "TAGS": [
        {"name": name}
        for name in (
            "Messages",
            "Sendings",
            "WhatsApp notifications",
            "Templates",
            "Senders",
            "Webhooks",
            "Suppressions",
            "SMS catalog",
            "Activations",
            "SMM",
            "Monthly numbers",
            "Wallet",
            "Developer account",
        )
    ],
    "REDOC_DIST": "SIDECAR",
}

# --- The sandbox: development and tests only (a system check refuses it elsewhere) ---------

SANDBOX = ENV.bool("SANDBOX", default=not PRODUCTION)
SANDBOX_DELAY_SECONDS = ENV.float("SANDBOX_DELAY_SECONDS", default=3)

# How long one call to a provider may take in all, and how long a crashed request keeps
# its idempotency key to itself (longer than any living request can last).
PROVIDER_DEADLINE_SECONDS = ENV.float("PROVIDER_DEADLINE_SECONDS", default=10)
REQUEST_DEADLINE_SECONDS = ENV.float("REQUEST_DEADLINE_SECONDS", default=30)
# Twilio: empty means not used. Two auth tokens, newest first, while one is being rotated.
TWILIO_ACCOUNT_SID = ENV.str("TWILIO_ACCOUNT_SID", default="")
TWILIO_AUTH_TOKENS = ENV.list("TWILIO_AUTH_TOKENS", default=[])
TWILIO_BASE_URL = ENV.str("TWILIO_BASE_URL", default="https://api.twilio.com").rstrip("/")
# A panel that delivers SMM orders (the de facto "API v2"): empty means not used. Its costs are in one currency.
SMM_PANEL_URL = ENV.str("SMM_PANEL_URL", default="")
SMM_PANEL_KEY = ENV.str("SMM_PANEL_KEY", default="")
SMM_PANEL_CURRENCY = ENV.str("SMM_PANEL_CURRENCY", default="USD")
# Templates and their approval live on a host of their own.
TWILIO_CONTENT_BASE_URL = ENV.str("TWILIO_CONTENT_BASE_URL", default="https://content.twilio.com").rstrip("/")
# The mail server, as smtp://, smtp+tls:// (STARTTLS) or smtp+ssl://user:password@host:port. Empty: no e-mail by SMTP.
SMTP_URL = ENV.str("SMTP_URL", default="")
# Mail of our own goes the same way; without a mail server it is shown in development, and tried at localhost elsewhere.
_SMTP: dict[str, Any] = ENV.email_url("SMTP_URL", default="smtp://localhost:25" if PRODUCTION else "consolemail://")
EMAIL_BACKEND: str = _SMTP["EMAIL_BACKEND"]
EMAIL_HOST: str = _SMTP["EMAIL_HOST"] or "localhost"
EMAIL_PORT: int = _SMTP["EMAIL_PORT"] or 25
EMAIL_HOST_USER: str = _SMTP["EMAIL_HOST_USER"] or ""
EMAIL_HOST_PASSWORD: str = _SMTP["EMAIL_HOST_PASSWORD"] or ""
EMAIL_USE_TLS: bool = _SMTP.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL: bool = _SMTP.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 10
# What stands right of the @ in our Message-IDs.
EMAIL_DOMAIN = ENV.str("EMAIL_DOMAIN", default=urlsplit(PUBLIC_BASE_URL).hostname or "localhost")
DEFAULT_FROM_EMAIL = SERVER_EMAIL = ENV.str("DEFAULT_FROM_EMAIL", default=f"Saldo <noreply@{EMAIL_DOMAIN}>")
# Where undeliverable mail comes back to (the envelope's sender); empty: to the sender itself. Whoever receives it
# there posts it to /api/webhooks/email/bounce with this secret.
EMAIL_BOUNCE_ADDRESS = ENV.str("EMAIL_BOUNCE_ADDRESS", default="")
EMAIL_BOUNCE_SECRET = ENV.str("EMAIL_BOUNCE_SECRET", default="")
# An e-mail service in django-anymail's words (mailgun, postmark …), carried by the provider `esp`. Its own settings
# are ANYMAIL_…: ANYMAIL_MAILGUN_API_KEY, and ANYMAIL_WEBHOOK_SECRET (user:password) for its webhooks.
EMAIL_ESP = ENV.str("EMAIL_ESP", default="").lower()
ANYMAIL: dict[str, str] = {
    name.removeprefix("ANYMAIL_"): value for name, value in os.environ.items() if name.startswith("ANYMAIL_")
}
if EMAIL_ESP and not SMTP_URL:
    EMAIL_BACKEND = f"anymail.backends.{EMAIL_ESP}.EmailBackend"
# How many messages a provider is handed a second, over all processes; 0: no limit.
MESSAGES_PER_SECOND = ENV.int("MESSAGES_PER_SECOND", default=50)
# How many calls to one provider are under way at the same time, for each process that hands messages over.
PROVIDER_CALLS_AT_ONCE = ENV.int("PROVIDER_CALLS_AT_ONCE", default=16)
# A message without a final report for this long has expired.
DELIVERY_REPORT_HOURS = ENV.float("DELIVERY_REPORT_HOURS", default=72)
# Texts of received SMS and stored idempotent answers are erased after this long.
SMS_TEXT_RETENTION_DAYS = ENV.int("SMS_TEXT_RETENTION_DAYS", default=30)
# Webhooks: what one call may take in all; how long the log of deliveries is kept; and whether endpoints on this very
# machine, also by plain http, may be called: for development only.
WEBHOOK_DEADLINE_SECONDS = ENV.float("WEBHOOK_DEADLINE_SECONDS", default=5)
WEBHOOK_LOG_DAYS = ENV.int("WEBHOOK_LOG_DAYS", default=30)
WEBHOOKS_TO_LOOPBACK = ENV.bool("WEBHOOKS_TO_LOOPBACK", default=not PRODUCTION)
QUARANTINE_DAYS = ENV.int("QUARANTINE_DAYS", default=7)

# --- Pages, files, logs ---------------------------------------------------------------------

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False
FORMAT_MODULE_PATH = ["config.formats"]  # moments with their zone, wherever Django writes one
STATIC_URL = "/static/"
STATIC_ROOT = env.data_dir() / "static"
WHITENOISE_USE_FINDERS = not PRODUCTION
WHITENOISE_AUTOREFRESH = False
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
LOGGING_CONFIG = None
logging_config(as_json=PRODUCTION, level=ENV.str("LOG_LEVEL", default="INFO"))
log = structlog.get_logger(__name__)

UNFOLD: dict[str, Any] = admin.UNFOLD
