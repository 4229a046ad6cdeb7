"""The suite runs on a real PostgreSQL of its own, without fsync, ended with the suite."""

import os

from config import database, env

os.environ.setdefault("SALDO_DATA", str(env.BASE_DIR / ".data" / "test"))
os.environ["SALDO_ENV"] = "test"
for name, value in env.generated_secrets().items():
    os.environ.setdefault(name, value)
if not os.environ.get("DATABASE_URL"):
    database.join(database.embedded(durable=False))
