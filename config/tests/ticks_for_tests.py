"""Ticks that the worker's tests run in real queue processes; they leave lines in a file."""

import os


def note() -> None:
    _write("note")


def fail() -> None:
    _write("fail")
    raise ValueError("sgk_live_SECRET in a message")


def _write(word: str) -> None:
    with open(os.environ["SALDO_TEST_NOTES"], "a") as file:
        file.write(f"{word} {os.getpid()}\n")
