"""Identifiers sort by creation, never repeat, and keep to the clock."""

from __future__ import annotations

import time
from uuid import RFC_4122, UUID

from services.kit.ids import new_id


def test_ids_are_uuids_of_version_7() -> None:
    found = UUID(new_id())
    assert (found.version, found.variant) == (7, RFC_4122)


def test_ids_sort_by_creation_and_never_repeat() -> None:
    made = [new_id() for _ in range(100_000)]
    assert made == sorted(set(made))


def test_many_ids_do_not_run_ahead_of_the_clock() -> None:
    """An id made after a restart must sort after those made before it."""
    for _ in range(50_000):
        last = new_id()
    assert int(last.replace("-", "")[:12], 16) <= time.time_ns() // 1_000_000
