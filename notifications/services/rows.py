"""Many rows at once: found by one array, their columns written in one statement.

`bulk_update` takes ten times as long.
"""

from collections.abc import Collection, Sequence
from functools import cache
from typing import TypeVar

from django.db import connection, models

Row = TypeVar("Row", bound=models.Model)


def among(rows: "models.QuerySet[Row]", column: str, values: Collection[object]) -> "models.QuerySet[Row]":
    """Those whose column is one of many values, sent as one array: 500 parameters take longer to read than to use."""
    name = f'"{rows.model._meta.db_table}"."{column}"'
    return rows.extra(where=[f"{name} = ANY(%s)"], params=[list(values)])  # noqa: S610


def save_rows(rows: Sequence[models.Model], fields: tuple[str, ...]) -> None:
    """Save these fields of rows of one model, in the order given. They must be locked."""
    if not rows or not fields:
        return
    model = type(rows[0])
    columns = [model._meta.get_field(name) for name in ("pk", *fields) if name != "pk"]
    values = [[row.pk for row in rows]]
    for column in columns:
        assert isinstance(column, models.Field)
        name = column.attname
        values.append([column.get_db_prep_save(getattr(row, name), connection) for row in rows])
    with connection.cursor() as cursor:
        cursor.execute(_statement(model, fields), values)


@cache
def _statement(model: type[models.Model], fields: tuple[str, ...]) -> str:
    columns = [model._meta.get_field(name) for name in fields]
    names = [f'"{column.column}"' for column in columns if isinstance(column, models.Field)]
    types = [_type(column) for column in columns if isinstance(column, models.Field)]
    arrays = ", ".join(f"%s::{kind}[]" for kind in ["bigint", *types])
    sets = ", ".join(f"{name} = v.{name}" for name in names)
    return (
        f'UPDATE "{model._meta.db_table}" t SET {sets}'  # noqa: S608
        f" FROM unnest({arrays}) AS v (id, {', '.join(names)}) WHERE t.id = v.id"
    )


def _type(column: "models.Field[object, object]") -> str:
    return (column.rel_db_type(connection) if column.is_relation else column.db_type(connection)) or "text"
