"""The 24-hour customer service windows: when each customer last wrote to each number."""

import time
from pathlib import Path
from typing import BinaryIO

OPEN_SECONDS = 24 * 3600


class Windows:
    """Kept in memory and in a journal: a restart must not close the windows of a running test."""

    def __init__(self, journal: Path) -> None:
        self._path = journal
        self._last: dict[tuple[str, str], int] = {}
        self._lines = 0
        self._file: BinaryIO | None = None

    def load(self) -> None:
        """Read the journal and rewrite it without what has expired."""
        if self._path.exists():
            for line in self._path.read_text().splitlines():
                match line.split(" "):
                    case [number, customer, when] if when.isdigit():
                        self._remember(number, customer, int(when))
                    case _:
                        # Only the last line can be torn, by a kill in the middle of its write.
                        continue
        self._compact()

    def wrote(self, number: str, customer: str, when: int) -> None:
        """A customer wrote, at `when` in seconds since 1970."""
        if not self._remember(number, customer, when):
            return
        if self._file is not None:
            self._file.write(f"{number} {customer} {when}\n".encode())
        self._lines += 1
        if self._lines > 10_000 and self._lines > 8 * len(self._last):
            self._compact()

    def open_until(self, number: str, customer: str) -> int | None:
        """When the window closes, or None when it is closed now."""
        last = self._last.get((number, customer))
        if last is None or last + OPEN_SECONDS <= time.time():
            return None
        return last + OPEN_SECONDS

    def forget(self, number: str, customer: str | None = None) -> None:
        """Close the window of one customer, or of every customer of a number."""
        if customer is not None:
            self._last.pop((number, customer), None)
        else:
            self._last = {pair: when for pair, when in self._last.items() if pair[0] != number}
        self._compact()

    def close(self) -> None:
        """Let go of the journal."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _remember(self, number: str, customer: str, when: int) -> bool:
        # A message that was on its way for hours does not move the window back.
        if self._last.get((number, customer), 0) >= when:
            return False
        self._last[(number, customer)] = when
        return True

    def _compact(self) -> None:
        oldest = time.time() - OPEN_SECONDS
        self._last = {pair: when for pair, when in self._last.items() if when > oldest}
        self.close()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        fresh.write_text("".join(f"{n} {c} {when}\n" for (n, c), when in self._last.items()))
        fresh.replace(self._path)
        self._lines = len(self._last)
        self._file = self._path.open("ab", buffering=0)
