"""Named SQL: every `-- name` line starts a query, which becomes an attribute."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import resources

_NAME = re.compile(r"^-- ([a-z][a-z0-9_]*)$", re.MULTILINE)


class Sql:
    """The queries of one .sql file. `sql.list_contacts` is its text."""

    def __init__(self, text: str, source: str) -> None:
        _, *parts = _NAME.split(text)
        self._queries = dict(zip(parts[::2], (p.strip() for p in parts[1::2]), strict=True))
        self._source = source
        if len(self._queries) != len(parts) // 2:
            raise ValueError(f"{source} names a query twice")

    def __getattr__(self, name: str) -> str:
        try:
            query: str = self._queries[name]
            return query
        except KeyError:
            raise AttributeError(f"{self._source} has no query named {name!r}") from None

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._queries.items())


def load_sql(package: str | None, filename: str) -> Sql:
    """The named queries of a file beside a module: load_sql(__package__, "contacts.sql")."""
    assert package, "call it with __package__"
    return Sql((resources.files(package) / filename).read_text(), f"{package}/{filename}")
