"""A place for everything: contexts hold the known files, and no file name says nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.registry import NAMES, services
from tests.architecture.repository import ROOT, SERVICES, SOURCES, modules

SAY_NOTHING = {"utils", "util", "helpers", "helper", "common", "misc", "enums", "base_service"}
MOST_LINES = 400


def test_no_module_has_a_name_that_says_nothing() -> None:
    for path, _ in modules():
        assert path.stem not in SAY_NOTHING, path
        assert not path.stem.endswith(("_service", "_manager", "_helper")), path


@pytest.mark.parametrize("service", NAMES)
def test_a_service_is_laid_out_like_the_others(service: str) -> None:
    folder = SERVICES / service
    for name in ("__init__.py", "__main__.py", "service.py", "settings.py", "README.md"):
        assert (folder / name).exists(), f"{service}/{name}"
    assert (folder / "migrations").is_dir()
    assert len((folder / "README.md").read_text().splitlines()) <= 60


@pytest.mark.parametrize("service", NAMES)
def test_a_context_keeps_its_functions_in_the_files_of_their_kind(service: str) -> None:
    for made in services():
        for context in made.contexts:
            for module, stem in (
                (context.commands, "commands"),
                (context.queries, "queries"),
                (context.events, "events"),
            ):
                if module is not None:
                    assert module.__name__.split(".")[3].startswith(stem), module.__name__


def test_modules_are_small() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for root in SOURCES
        for path in root.rglob("*.py")
        if (lines := len(path.read_text().splitlines())) > MOST_LINES
    }
    assert not long


def test_only_settings_read_the_environment() -> None:
    readers = {
        str(path.relative_to(ROOT))
        for path, _ in modules()
        if "os.environ" in path.read_text() and "devstack" not in path.parts
    }
    assert not readers


def test_migrations_carry_their_way_back() -> None:
    for path in sorted(SERVICES.rglob("migrations/*.sql")):
        text = path.read_text()
        assert "-- migrate:up" in text, path
        assert text.partition("-- migrate:down")[2].strip(), path


def test_architecture_document_is_short_and_its_paths_exist() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    assert len(text.splitlines()) <= 200
    for word in text.split("`")[1::2]:
        if (
            "/" in word
            and " " not in word
            and word.startswith(("services/", "gateway-edge/", "proto/"))
        ):
            assert (ROOT / word.rstrip("/").partition(":")[0]).exists(), word
    assert Path(ROOT / "README.md").exists()
