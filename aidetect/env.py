"""Settings from the environment. django-environ parses; each reader here also says what it expects, so that a bad value
stops the program with the variable, what was expected and what was received."""

import os
from collections.abc import Callable
from typing import TypeVar

from django.core.exceptions import ImproperlyConfigured
from environ import Env

T = TypeVar("T")

NAMES: dict[str, str] = {}
"""Every variable that was asked for, with what it expects. The table in docs/settings.md is tested against it."""

FALSE_STRINGS = ("false", "off", "n", "no", "0")
"""django-environ takes every word that it doesn't know for false; a mistyped HTTPS=ture must not pass."""


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
    return read(name, default, expected, _words)


def boolean(name: str, default: bool) -> bool:
    return read(name, default, "true or false", _boolean)


def number(name: str, default: float, least: float, most: float) -> float:
    """Python's float, because django-environ's drops letters: it reads 2GB as 2."""
    expected = f"a number from {least:g} to {most:g}"
    return read(name, default, expected, lambda value: _between(float(value), least, most))


def integer(name: str, default: int, least: int, most: int) -> int:
    expected = f"a whole number from {least} to {most}"
    return read(name, default, expected, lambda value: int(_between(Env.parse_value(value, int), least, most)))


def choice(name: str, default: str, choices: tuple[str, ...]) -> str:
    return read(name, default, " or ".join(choices), lambda value: choices[choices.index(value)])


def some_of(name: str, default: list[str], choices: list[str]) -> list[str]:
    """Some of the choices, in the order that was given."""
    expected = f"some of {', '.join(choices)}, separated by commas"
    return read(name, default, expected, lambda value: [choices[choices.index(word)] for word in _words(value)])


def _words(value: str) -> list[str]:
    return [word for word in Env.parse_value(value, [str.strip]) if word]


def _boolean(value: str) -> bool:
    if value.lower() not in (*Env.BOOLEAN_TRUE_STRINGS, *FALSE_STRINGS):
        raise ValueError(value)
    return bool(Env.parse_value(value, bool))


def _between(value: float, least: float, most: float) -> float:
    if not least <= value <= most:
        raise ValueError(value)
    return value
