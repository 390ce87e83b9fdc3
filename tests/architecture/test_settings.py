"""Settings and reasons are documented by their sources, and the documents made from those."""

from __future__ import annotations

from services.kit.settings_doc import env_example
from services.reasons import reasons
from services.registry import settings
from tests.architecture.repository import ROOT


def test_the_example_is_fresh() -> None:
    assert (ROOT / ".env.example").read_text() == env_example(settings()), "run make gen"


def test_the_reasons_of_errors_are_fresh() -> None:
    assert (ROOT / "docs" / "api-reasons.md").read_text() == reasons(), "run make gen"


def test_every_setting_says_what_it_means() -> None:
    for kind in settings():
        for name, field in kind.model_fields.items():
            assert field.description, f"{kind.__name__}.{name}"
