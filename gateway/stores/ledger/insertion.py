"""Inserting rows past what SQLAlchemy does for each: the statement is compiled once for a table and its columns.

Owns nothing but that short cut; a message inserts eight rows. Must not know any table.
"""

from collections.abc import Callable, Sequence
from functools import cache
from itertools import chain
from typing import Any

import sqlalchemy as sa

Columns = dict[str, Any]
_Values = tuple[Any, ...]

# Rows of one statement. Statements of every size up to this one stay prepared; eight tables make 128 of them.
STATEMENT_ROWS = 16


def insert_rows(connection: sa.Connection, table: sa.Table, rows: Sequence[Columns]) -> None:
    """Insert `rows`, which all have the same columns; none is fine too."""
    if not rows:
        return
    text, columns = _prepared(table, tuple(rows[0]), connection.dialect)
    values = [tuple(row[name] if process is None else process(row[name]) for name, process in columns) for row in rows]
    if len(values) == 1:
        connection.exec_driver_sql(text, values[0])
    elif connection.dialect.paramstyle == "qmark":
        _insert_together(connection, text, values)
    else:
        connection.exec_driver_sql(text, values)


def _insert_together(connection: sa.Connection, text: str, values: list[_Values]) -> None:
    """Many rows in one statement: SQLite's driver gives the interpreter lock away twice for each it runs."""
    head, _, placeholders = text.rpartition(" VALUES ")
    for begin in range(0, len(values), STATEMENT_ROWS):
        some = values[begin : begin + STATEMENT_ROWS]
        statement = f"{head} VALUES {', '.join([placeholders] * len(some))}"
        connection.exec_driver_sql(statement, tuple(chain.from_iterable(some)))


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
