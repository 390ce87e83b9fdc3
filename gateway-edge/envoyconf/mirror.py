"""Directories whose content follows from something else."""

from collections.abc import Mapping
from pathlib import Path
from shutil import rmtree


def mirror(files: Mapping[Path, bytes], directory: Path) -> list[Path]:
    """Make a directory hold exactly these files; returns the paths written or removed."""
    changed = differences(files, directory)
    for path in changed:
        content = files.get(path.relative_to(directory))
        if content is None:
            path.unlink()
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    _remove_empty(directory, keep={directory / name for name in files})
    return changed


def differences(files: Mapping[Path, bytes], directory: Path) -> list[Path]:
    """The files that a directory lacks, has otherwise, or has too many of."""
    wrong = [
        directory / name
        for name, content in files.items()
        if not (directory / name).is_file() or (directory / name).read_bytes() != content
    ]
    surplus = [
        path
        for path in directory.rglob("*")
        if path.is_file()
        and path.relative_to(directory) not in files
        and "__pycache__" not in path.parts
    ]
    return sorted([*wrong, *surplus])


def _remove_empty(directory: Path, keep: set[Path]) -> None:
    wanted = {parent for path in keep for parent in path.parents}
    for path in sorted(directory.rglob("*")):
        if path.is_dir() and path not in wanted and path.name != "__pycache__":
            rmtree(path, ignore_errors=True)  # A parent removed before took it along.
