"""Identifiers sort by creation, never repeat, and keep to the clock."""

from __future__ import annotations

import time
from uuid import RFC_4122, UUID

from services.kit.ids import new_id, nth_id


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


def test_parts_sort_behind_their_whole_and_before_what_comes_next() -> None:
    first, after = new_id(), new_id()
    parts = [nth_id(first, number) for number in range(1000)]
    assert parts[0] == first
    assert [*parts, after] == sorted({*parts, after})
