"""Whether something was done already for exactly this content."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from services.kit.devstack.paths import PROJECT, write_atomically

CODE_SUFFIXES = frozenset({".py", ".pyi", ".sql", ".json", ".binpb", ".toml", ".md", ".txt"})


def fingerprint(*roots: Path, also: Iterable[str] = ()) -> str:
    """A digest of every source file below the roots, and of some words besides."""
    digest = hashlib.sha256()
    for root in roots:
        files = [root] if root.is_file() else sorted(root.rglob("*"))
        for file in files:
            if file.suffix in CODE_SUFFIXES and file.is_file():
                digest.update(f"{file}\0".encode())
                digest.update(hashlib.sha256(file.read_bytes()).digest())
    for word in also:
        digest.update(f"\0{word}".encode())
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Code:
    """Digests of the code that decides what lies in the stores."""

    schema: str
    bus: str
    demo: str

    @classmethod
    def now(cls) -> Self:
        """As it is in the working tree at this moment."""
        services = PROJECT / "services"
        migrations = sorted(services.glob("*/migrations"))
        migrating = (services / "kit/migrate.py", services / "registry.py")
        return cls(
            schema=fingerprint(*migrations, *(file for file in migrating if file.exists())),
            # Any module may react to a message, and so add a consumer.
            bus=fingerprint(services, PROJECT / "gen/python/malha"),
            demo=fingerprint(services / "demo"),
        )


class Stamp:
    """A file that remembers for which content a step was done.

    It lies beside what the step made, and goes with it.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def says(self, content: str) -> bool:
        """Whether the step was done for this content."""
        try:
            return self._file.read_text().strip() == content
        except OSError:
            return False

    def write(self, content: str) -> None:
        """Remember that the step was done."""
        write_atomically(self._file, f"{content}\n")

    def remove(self) -> None:
        """Forget it."""
        self._file.unlink(missing_ok=True)
