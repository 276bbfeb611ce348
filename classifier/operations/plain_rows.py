"""Rows as JSON that any of our databases can take: every table, with numbers kept, whatever database it came from."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from django.apps import apps
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.core.management.color import no_style
from django.db import connection, models
from django.db.models import sql
from django.db.models.fields import Field

LEFT_OUT = (ContentType, Permission, Session)
"""What migrations make by themselves, with numbers of their own; and who is signed in, which ends with a restore."""
AS_IS = (bool, int, float, str, type(None))
T = TypeVar("T")


def tables() -> list[type[models.Model]]:
    """Every table that is kept, those between two others among them."""
    every = apps.get_models(include_auto_created=True)
    return [model for model in every if model._meta.managed and not model._meta.proxy and model not in LEFT_OUT]


def columns(model: type[models.Model]) -> list[str]:
    return [field.attname for field in model._meta.concrete_fields]


def written(model: type[models.Model]) -> Iterator[str]:
    """One line of JSON a row, without the line's end; read piece by piece."""
    fields = model._meta.concrete_fields
    for row in model._base_manager.order_by("pk").iterator(chunk_size=500):
        yield json.dumps([_plain(field, row) for field in fields], separators=(",", ":"))


def _plain(field: "Field[Any, Any]", row: models.Model) -> Any:
    value = field.value_from_object(row)
    if value is not None and field.related_model in (ContentType, Permission):
        return list(getattr(row, field.name).natural_key())
    if isinstance(value, AS_IS) or isinstance(field, models.JSONField):
        return value
    return field.value_to_string(row)


class Loader:
    """Puts lines back into a table, as they were: no value is set again and no signal is sent."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, ...], int] = {
            tuple(kind.natural_key()): kind.pk for kind in ContentType.objects.all()
        }
        for permission in Permission.objects.select_related("content_type"):
            self.known[tuple(permission.natural_key())] = permission.pk

    def load(self, model: type[models.Model], lines: Iterable[bytes]) -> int:
        """Returns how many rows were read."""
        count, fields = 0, model._meta.concrete_fields
        for some in _in_batches(lines, connection.ops.bulk_batch_size(list(fields), [None] * 500) or 500):
            rows = [self._row(model, fields, line) for line in some]
            query = sql.InsertQuery(model)
            query.insert_values(fields, [row for row in rows if row is not None], raw=True)
            if query.objs:
                query.get_compiler(connection=connection).execute_sql()
            count += len(rows)
        return count

    def _row(self, model: type[models.Model], fields: Sequence[Any], line: bytes) -> models.Model | None:
        """None for a row about a permission or a kind of row that is no more."""
        values = json.loads(line)
        if b"\\u0000" in line and connection.vendor == "postgresql":
            values = _without_nul(values)
        row = model()
        for field, value in zip(fields, values, strict=True):
            if field.related_model in (ContentType, Permission) and value is not None:
                value = self.known.get(tuple(value))
                if value is None and not field.null:
                    return None
            setattr(row, field.attname, value if field.is_relation and value is None else _back(field, value))
        return row


def _back(field: Any, value: Any) -> Any:
    return field.target_field.to_python(value) if field.is_relation else field.to_python(value)


def _without_nul(value: Any) -> Any:
    """PostgreSQL's text can't hold the character NUL, SQLite's can."""
    if isinstance(value, str):
        return value.replace("\x00", "")
    if isinstance(value, list):
        return [_without_nul(one) for one in value]
    if isinstance(value, dict):
        return {_without_nul(key): _without_nul(one) for key, one in value.items()}
    return value


def _in_batches(lines: Iterable[T], size: int) -> Iterator[list[T]]:
    some: list[T] = []
    for line in lines:
        some.append(line)
        if len(some) >= size:
            yield some
            some = []
    if some:
        yield some


def count_on() -> None:
    """The next number of each table follows the highest that was put in."""
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), tables()):
            cursor.execute(statement)


def occupied() -> list[str]:
    """What an installation holds that is not empty, in words; the detectors that come with the code don't count."""
    own = {"classifier.detector", "classifier.promotion"}
    counted = [(model, model._base_manager.count()) for model in tables() if model._meta.label_lower not in own]
    return [f"{count} {model._meta.verbose_name_plural}" for model, count in counted if count]


def clear_detectors() -> None:
    for name in ("Promotion", "Detector"):
        apps.get_model("classifier", name)._base_manager.all().delete()
