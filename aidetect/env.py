"""Settings from the environment: every reader names what it expects, and a bad value stops the program with that."""

import os
from collections.abc import Callable
from typing import TypeVar

from django.core.exceptions import ImproperlyConfigured

T = TypeVar("T")

NAMES: dict[str, str] = {}
"""Every variable that was asked for, with what it expects. The README's table is tested against it."""


def read(name: str, default: T, expected: str, parse: Callable[[str], T]) -> T:
    """The parsed value of a variable, or the default when it is unset or empty. Raises ImproperlyConfigured."""
    NAMES[name] = expected
    value = os.environ.get(name, "").strip()
    if not value:
        return default
    try:
        return parse(value)
    except Exception as error:
        raise ImproperlyConfigured(f"{name}: expected {expected}; received {value!r}") from error


def text(name: str, default: str, expected: str = "text") -> str:
    return read(name, default, expected, str)


def words(name: str, default: list[str], expected: str) -> list[str]:
    return read(name, default, expected, lambda value: [word.strip() for word in value.split(",") if word.strip()])


def boolean(name: str, default: bool) -> bool:
    known = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    return read(name, default, "true or false", lambda value: known[value.lower()])


def number(name: str, default: float, least: float, most: float) -> float:
    return read(
        name, default, f"a number from {least:g} to {most:g}", lambda value: _between(float(value), least, most)
    )


def integer(name: str, default: int, least: int, most: int) -> int:
    expected = f"a whole number from {least} to {most}"
    return read(name, default, expected, lambda value: int(_between(int(value), least, most)))


def choice(name: str, default: str, choices: tuple[str, ...]) -> str:
    return read(name, default, " or ".join(choices), lambda value: choices[choices.index(value)])


def _between(value: float, least: float, most: float) -> float:
    if not least <= value <= most:
        raise ValueError(value)
    return value
