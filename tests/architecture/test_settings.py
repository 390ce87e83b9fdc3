"""Every setting is documented by its source, and `.env.example` is made from that."""

from __future__ import annotations

from services.kit.settings_doc import env_example
from services.registry import settings
from tests.architecture.repository import ROOT


def test_the_example_is_fresh() -> None:
    assert (ROOT / ".env.example").read_text() == env_example(settings()), "run make gen"


def test_every_setting_says_what_it_means() -> None:
    for kind in settings():
        for name, field in kind.model_fields.items():
            assert field.description, f"{kind.__name__}.{name}"
