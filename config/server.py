"""`make run`: all of Saldo in the foreground for development. Whatever ends it, nothing is left running."""

import fcntl
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from types import FrameType
from typing import Any, NoReturn

from config import database, env, processes
from config.foreground import Foreground

READY_SECONDS = 60
HOST = os.environ.get("HOST") or "127.0.0.1"
PORT = int(os.environ.get("PORT") or 8000)


class Refusal(RuntimeError):
    """Saldo cannot start here; the message says why and what to do."""


def main() -> None:
    if "MAKELEVEL" in os.environ:
        processes.die_with_parent(signal.SIGTERM)
    signal.signal(signal.SIGTERM, _end)
    try:
        sys.exit(_run())
    except KeyboardInterrupt:
        sys.exit(130)
    except (Refusal, database.DatabaseError) as error:
        sys.exit(f"Saldo does not start: {error}")


def _run() -> int:
    (env.data_dir() / "static").mkdir(parents=True, exist_ok=True)
    with open(env.data_dir() / "run", "a+") as folder:
        _claim_folder(folder)
        _claim_port()
        env.write_development_env()
        env.load()
        # Libraries' words to their developers: kept for the tests, noise in a newcomer's terminal.
        os.environ.setdefault("PYTHONWARNINGS", "ignore")
        try:
            return _serve(_prepare())
        finally:
            database.leave(database.embedded(), wait=True)


def _claim_folder(folder: Any) -> None:
    """Hold the data folder until this process ends, and leave a word for whoever else wants it."""
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        folder.seek(0)
        raise Refusal(
            f"it already runs on the folder {env.data_dir()}: {folder.read().strip()}.\n"
            "End that one, or give this one its own: make run SALDO_DATA=… PORT=…"
        ) from None
    folder.truncate(0)
    folder.write(f"process {os.getpid()}, port {PORT}\n")
    folder.flush()


def _claim_port() -> None:
    with socket.socket(socket.AF_INET6 if ":" in HOST else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, PORT))
        except OSError as error:
            raise Refusal(f"port {PORT} of {HOST}: {error.strerror}. Another one: make run PORT=8001") from None


def _prepare() -> dict[str, Any]:
    """Database, tables, demo data; returns what `manage.py demo --json` says."""
    if not os.environ.get("DATABASE_URL"):
        _say("starting PostgreSQL")
        database.join(database.embedded())
    _say("updating the tables")
    _manage("migrate", "--verbosity", "0", "--skip-checks")
    _say("preparing the demo data")
    demo: dict[str, Any] = json.loads(_manage("demo", "--json"))
    return demo


def _manage(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=env.BASE_DIR,
        env={"LOG_LEVEL": "WARNING"} | dict(os.environ),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise Refusal(f"manage.py {arguments[0]} failed, see above.")
    return done.stdout


def _serve(demo: dict[str, Any]) -> int:
    """Run web and worker until Ctrl-C, SIGTERM, or one of them ends; 0 when it was asked for."""
    python = f'exec "{sys.executable}"'
    environment = {"PYTHONUNBUFFERED": "1", "WEB_GRACEFUL_SECONDS": "5"} | dict(os.environ)
    foreground = Foreground()
    foreground.add_process("web", f"{python} -m gunicorn -c config/gunicorn.py config.wsgi", env=environment)
    foreground.add_process("worker", f"{python} manage.py worker", env=environment)
    threading.Thread(target=_greet, args=(demo,), daemon=True).start()
    foreground.loop()
    if foreground.was_asked_to_end:
        return 0
    _say(f"ended, because {foreground.first_to_end} ended by itself; its last lines above say why")
    return 1


def _greet(demo: dict[str, Any]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not _is_up():
        if time.monotonic() > deadline:
            _say(f"still no answer at http://{HOST}:{PORT}/status")
            return
        time.sleep(0.1)
    sys.stdout.write(_greeting(demo))
    sys.stdout.flush()


def _is_up() -> bool:
    connection = http.client.HTTPConnection("127.0.0.1" if HOST == "0.0.0.0" else HOST, PORT, timeout=3)  # noqa: S104
    try:
        connection.request("GET", "/status")
        return bool(json.loads(connection.getresponse().read()) == ["OK"])
    except (OSError, ValueError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _greeting(demo: dict[str, Any]) -> str:
    url, key = demo["base_url"], demo["api_keys"]["USD"]
    return f"""
Saldo runs at {url}

  Admin    {url}/admin/   {demo["staff"]["username"]}  {demo["staff"]["password"]}
  API key  {key}   (USD wallet of {demo["customer"]["email"]})
  API      {url}/api/docs

Buy a Telegram number in the US:

  curl -s -X POST {url}/api/developer/v1/activations/buy \\
    -H 'X-API-Key: {key}' -H 'Content-Type: application/json' \\
    -d '{{"service": "telegram", "country": "US"}}'

Ctrl-C ends everything.

"""


def _say(text: str) -> None:
    sys.stdout.write(f"Saldo: {text}\n")
    sys.stdout.flush()


def _end(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)


if __name__ == "__main__":
    main()
