"""`GET /status`: is the service able to work? (SMSGIC contract)"""

import psycopg
import structlog
from django.db import connection
from django.http import HttpRequest, JsonResponse

TIMEOUT_SECONDS = 2

log = structlog.get_logger(__name__)


def status(request: HttpRequest) -> JsonResponse:
    """`["OK"]`, or 503 `["DOWN"]` when the database does not answer within 2 seconds. No key needed."""
    if request.method not in {"GET", "HEAD"}:
        return JsonResponse({"message": "Method not allowed.", "error": "method_not_allowed"}, status=405)
    up = database_answers()
    return JsonResponse(["OK"] if up else ["DOWN"], safe=False, status=200 if up else 503)


def database_answers() -> bool:
    """Ask on a connection of its own: a frozen server would also freeze a shared one."""
    parameters = connection.get_connection_params()
    parameters |= {"connect_timeout": TIMEOUT_SECONDS, "tcp_user_timeout": TIMEOUT_SECONDS * 1000}
    try:
        with psycopg.connect(
            **{key: parameters[key] for key in parameters if key in _CONNECTION_WORDS}, autocommit=True
        ) as fresh:
            return fresh.execute("SELECT 1").fetchone() == (1,)
    except psycopg.Error as error:
        log.error("database does not answer", error=type(error).__name__)
        return False


_CONNECTION_WORDS = {"host", "port", "user", "password", "dbname", "connect_timeout", "tcp_user_timeout", "sslmode"}
