"""Where this process finds its environment: the data folder and the env file in it.

`make run` writes `<data>/env` for development; a lone `manage.py` reads it where it
exists. Real environment variables always win over the file.
"""

import os
import secrets
from pathlib import Path

import environ
from cryptography.fernet import Fernet

BASE_DIR = Path(__file__).resolve().parent.parent


def data_dir() -> Path:
    """The folder that holds the embedded database and the env file (`SALDO_DATA`)."""
    return Path(os.environ.get("SALDO_DATA") or BASE_DIR / ".data").resolve()


def env_file() -> Path:
    return data_dir() / "env"


def load() -> environ.Env:
    """Read `<data>/env` into the process environment, without overriding what is there."""
    if env_file().is_file():
        environ.Env.read_env(str(env_file()))
    return environ.Env()


def write_development_env() -> None:
    """Write `<data>/env` for development, with generated secrets; keeps one that exists."""
    if env_file().exists():
        return
    data_dir().mkdir(parents=True, exist_ok=True)
    lines = [
        "# Development only: written by `make run`. Delete it to get new secrets.",
        "SALDO_ENV=development",
        *(f"{name}={value}" for name, value in generated_secrets().items()),
    ]
    # 0600 from the first byte: the file never exists readable to others.
    descriptor = os.open(env_file(), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write("\n".join(lines) + "\n")


def generated_secrets() -> dict[str, str]:
    """Fresh values for every secret the product needs."""
    return {
        "SECRET_KEY": secrets.token_urlsafe(48),
        "KEY_PEPPERS": f"1:{secrets.token_hex(32)}",
        "ENCRYPTION_KEYS": Fernet.generate_key().decode(),
    }
