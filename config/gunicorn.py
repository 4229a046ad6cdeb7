"""The web server's settings: `gunicorn -c config/gunicorn.py config.wsgi`."""

import os
import re
import sys
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import SystemCheckError
from gunicorn.glogging import Logger

from config import database, env

env.load()

_HOST = os.environ.get("HOST") or "127.0.0.1"  # whoever wants more than this machine says so
_PROXIES = int(os.environ.get("NUM_PROXIES") or 0)

bind = f"{_HOST}:{os.environ.get('PORT') or 8000}"
worker_class = "config.gunicorn_worker.Worker"
workers = int(os.environ.get("WEB_WORKERS") or max(2, os.cpu_count() or 1))
# A thread waits while a provider answers, and holds one database connection.
threads = int(os.environ.get("WEB_THREADS") or 16)
# One import, then forks: a killed worker is back within milliseconds.
preload_app = True
keepalive = 15
timeout = 30
graceful_timeout = int(os.environ.get("WEB_GRACEFUL_SECONDS") or 30)
max_requests = 100_000
max_requests_jitter = 20_000
# SMSGIC and plainsms carry whole messages and filters in the query string.
limit_request_line = 8190
# The heartbeat file must not wait for a disk.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108
control_socket_disable = True
# A proxy's word on the scheme counts only where one is announced.
forwarded_allow_ips = os.environ.get("FORWARDED_ALLOW_IPS") or ("127.0.0.1,::1" if _PROXIES else "")
# config.logs.RequestLogMiddleware logs requests, without their query string.
accesslog = None
loglevel = "warning"


QUOTED = re.compile(r"(['\"]).*\1", re.DOTALL)


class QuietLogger(Logger):
    """gunicorn writes what was sent: the address of a request that failed, query string and all, and the line or
    header of one that it could not read. This one leaves it out."""

    def exception(self, message: str, *arguments: Any, **options: Any) -> None:
        super().exception(message, *[_without_query(argument) for argument in arguments], **options)

    def warning(self, message: str, *arguments: Any, **options: Any) -> None:
        super().warning(QUOTED.sub("…", message), *arguments, **options)


def _without_query(value: Any) -> Any:
    return value.split("?", 1)[0] if isinstance(value, str) else value


logger_class = QuietLogger


def on_starting(server: Any) -> None:
    """Refuse to serve what the system checks refuse; the database may be away for now."""
    try:
        call_command("check", stdout=sys.stderr)
    except SystemCheckError as error:
        sys.exit(str(error))
    if not os.environ.get("DATABASE_URL"):
        database.join(database.embedded())


def post_fork(server: Any, worker: Any) -> None:
    from django.db import connections

    connections.close_all()  # a forked process never shares a connection
