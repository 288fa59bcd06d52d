"""A transaction as the stores' functions see it: statements in, rows out.

Building a SELECT of some size, and finding what SQLAlchemy compiled for it, costs more than SQLite
takes to answer it (0.3 to 0.8 ms against 0.1 to 0.5 ms). So what is asked often has a shape, a
hashable name of everything that changes its SQL: it is built and compiled once for a shape, and
then only gets values.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BindParameter,
    Connection,
    CursorResult,
    Executable,
    bindparam,
    select,
)
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.sql.selectable import SelectBase
from sqlalchemy.types import TypeEngine

from . import tables

Statement = SelectBase | UpdateBase
"""What can be prepared."""
_MOST_SHAPES = 1_000
_PAGE_KEY = "page_token"


@dataclass(frozen=True, slots=True)
class _Prepared:
    sql: str
    names: tuple[str, ...]
    defaults: Mapping[str, Any]


class Prepared:
    """What was compiled for one database, and the key of its page tokens."""

    def __init__(self) -> None:
        self._shapes: dict[Hashable, _Prepared] = {}
        self._page_key: bytes | None = None

    def find(
        self, connection: Connection, shape: Hashable, build: Callable[[], Statement]
    ) -> _Prepared:
        """The compiled statement of a shape."""
        found = self._shapes.get(shape)
        if found is None:
            if len(self._shapes) >= _MOST_SHAPES:
                self._shapes.clear()
            found = self._shapes[shape] = _prepare(connection, build())
        return found

    def page_key(self, connection: Connection) -> bytes:
        """The key that page tokens are signed with: the migration made it, once for all."""
        if self._page_key is None:
            key: bytes = connection.execute(
                select(tables.secrets.c.value).where(tables.secrets.c.name == _PAGE_KEY)
            ).scalar_one()
            self._page_key = key
        return self._page_key


class Session:
    """One transaction on one connection."""

    def __init__(self, connection: Connection, prepared: Prepared) -> None:
        self.connection = connection
        self.sqlite = connection.dialect.name == "sqlite"
        self._prepared = prepared

    def execute(
        self, statement: Executable, parameters: Any = None
    ) -> CursorResult[*tuple[Any, ...]]:
        """Run a statement as SQLAlchemy does."""
        return self.connection.execute(statement, parameters)

    def run(
        self, shape: Hashable, build: Callable[[], Statement], values: Mapping[str, Any]
    ) -> CursorResult[*tuple[Any, ...]]:
        """Run the statement of a shape, which is built only when it is new.

        `build` names the parameters that `values` gives; everything else in its SQL has to follow
        from the shape. Rows come as the driver makes them.
        """
        found = self._prepared.find(self.connection, shape, build)
        defaults = found.defaults
        parameters = tuple(
            values[name] if name in values else defaults[name] for name in found.names
        )
        return self.connection.exec_driver_sql(found.sql, parameters)

    def page_key(self) -> bytes:
        """The key that page tokens are signed with."""
        return self._prepared.page_key(self.connection)


def slot(name: str, kind: TypeEngine[Any]) -> BindParameter[Any]:
    """A parameter of a prepared statement: it gets its value with every run."""
    return bindparam(name, None, kind)


def _prepare(connection: Connection, statement: Statement) -> _Prepared:
    compiled = statement.compile(
        dialect=connection.dialect, compile_kwargs={"render_postcompile": True}
    )
    assert isinstance(compiled, SQLCompiler)
    return _Prepared(str(compiled), tuple(compiled.positiontup or ()), compiled.construct_params())
