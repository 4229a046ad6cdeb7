"""`GET /status`: is the service able to work? (SMSGIC contract)"""

import select
import time
from contextlib import closing
from typing import Any

import psycopg
import structlog
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn

TIMEOUT_SECONDS = 2

log = structlog.get_logger(__name__)


@csrf_exempt
def status(request: HttpRequest) -> JsonResponse:
    """`["OK"]`, or 503 `["DOWN"]` when the database does not answer within 2 seconds. No key needed."""
    if request.method not in {"GET", "HEAD"}:
        return JsonResponse({"message": "Method not allowed."}, status=405, headers={"Allow": "GET, HEAD"})
    up = database_answers()
    return JsonResponse(["OK"] if up else ["DOWN"], safe=False, status=200 if up else 503)


def database_answers() -> bool:
    """Ask on a connection of its own, so a frozen server cannot freeze this too; at most `TIMEOUT_SECONDS`."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    try:
        with closing(psycopg.connect(**_parameters(), autocommit=True)) as fresh:
            return _answers_by(deadline, fresh.pgconn)
    except psycopg.Error as error:
        log.error("database does not answer", error=type(error).__name__)
        return False


def _answers_by(deadline: float, database: PGconn) -> bool:
    """Whether a query is answered in time: behind a pooler, being connected proves nothing yet."""
    database.send_query(b"SELECT 1")
    while database.is_busy():
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([database.socket], [], [], left)[0]:
            log.error("database does not answer", error="Timeout")
            return False
        database.consume_input()
    result = database.get_result()
    return result is not None and result.status == ExecStatus.TUPLES_OK


def _parameters() -> dict[str, Any]:
    wanted = {"host", "port", "user", "password", "dbname", "sslmode", "sslrootcert", "sslcert", "sslkey"}
    parameters = connection.get_connection_params()
    chosen = {name: value for name, value in parameters.items() if name in wanted}
    return chosen | {"connect_timeout": TIMEOUT_SECONDS, "application_name": "saldo-status"}
