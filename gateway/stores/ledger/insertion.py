"""Inserting rows past what SQLAlchemy does for each: the statement is compiled once for a table and its columns.

Owns nothing but that short cut; a message inserts eight rows. Must not know any table.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa

Columns = dict[str, Any]


def insert_rows(connection: sa.Connection, table: sa.Table, rows: Sequence[Columns]) -> None:
    """Insert `rows`, which all have the same columns; none is fine too."""
    if not rows:
        return
    text, columns = _prepared(table, tuple(rows[0]), connection.dialect)
    values = [tuple(row[name] if process is None else process(row[name]) for name, process in columns) for row in rows]
    connection.exec_driver_sql(text, values if len(values) > 1 else values[0])


@cache
def _prepared(
    table: sa.Table, names: tuple[str, ...], dialect: sa.Dialect
) -> tuple[str, tuple[tuple[str, Callable[[Any], Any] | None], ...]]:
    """The statement in the driver's words, its parameters in order, and what makes a driver's value of each."""
    compiled = sa.insert(table).compile(dialect=dialect, column_keys=list(names))
    ordered = getattr(compiled, "positiontup", None) or list(names)
    return str(compiled), tuple(
        (name, table.c[name].type.dialect_impl(dialect).bind_processor(dialect)) for name in ordered
    )
