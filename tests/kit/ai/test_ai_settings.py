"""Which models the settings open, and how a wrong setting is told."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from services.kit.ai import PROVIDERS, AISettings, open_embedder, open_llm
from services.kit.ai.openai import OpenAIEmbedder
from services.kit.ai.settings import DEFAULT_MODELS
from services.kit.settings import read_settings

NAMES = (
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_BASE_URL",
    "MALHA_AI_MODELS",
    "MALHA_AI_EMBEDDING",
)
OPENAI, ANTHROPIC = DEFAULT_MODELS["openai"], DEFAULT_MODELS["anthropic"]


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("environment", "models"),
    [
        ({}, ("local",)),
        ({"OPENAI_API_KEY": "", "MALHA_AI_MODELS": ""}, ("local",)),
        ({"OPENAI_API_KEY": "  "}, ("local",)),
        ({"OPENAI_API_KEY": "k"}, (OPENAI, "local")),
        ({"ANTHROPIC_API_KEY": "k"}, (ANTHROPIC, "local")),
        ({"OPENAI_API_KEY": "k", "ANTHROPIC_API_KEY": "k"}, (OPENAI, ANTHROPIC, "local")),
        ({"OPENAI_API_KEY": "k", "MALHA_AI_MODELS": "local"}, ("local",)),
        (
            {"OPENAI_API_KEY": "k", "MALHA_AI_MODELS": " openai:my:model , local,"},
            ("openai:my:model", "local"),
        ),
    ],
)
async def test_models_follow_from_the_keys_unless_they_are_named(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], models: tuple[str, ...]
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = AISettings()
    assert settings.models == models
    llm = open_llm(settings)
    assert llm.name == ",".join(models)
    await llm.close()


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"MALHA_AI_MODELS": "gemini:pro"}, "MALHA_AI_MODELS: .*expected local, openai:<model>"),
        ({"MALHA_AI_MODELS": "openai", "OPENAI_API_KEY": "k"}, "MALHA_AI_MODELS: .*got openai"),
        ({"MALHA_AI_MODELS": "openai:gpt"}, "MALHA_AI_MODELS: .*needs OPENAI_API_KEY"),
        ({"MALHA_AI_MODELS": "anthropic:claude"}, "MALHA_AI_MODELS: .*needs ANTHROPIC_API_KEY"),
        ({"MALHA_AI_EMBEDDING": "openai:ada"}, "MALHA_AI_EMBEDDING: .*expected local"),
        (
            {"MALHA_AI_EMBEDDING": "openai:text-embedding-3-small"},
            "MALHA_AI_EMBEDDING: .*needs OPENAI_API_KEY",
        ),
    ],
)
def test_a_wrong_setting_stops_the_start_with_its_name(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    environment: dict[str, str],
    says: str,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit):
        read_settings(AISettings)
    line = capsys.readouterr().err
    assert re.search(f"setting {says}", line), line


def test_a_key_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    settings = AISettings()
    assert "sk-secret" not in f"{settings!r} {settings} {settings.model_dump_json()}"


async def test_the_embedder_is_local_unless_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    embedder = open_embedder(AISettings())
    assert (embedder.model, embedder.dimensions) == ("use-multilingual-3", 512)
    await embedder.warm()
    await embedder.close()
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    monkeypatch.setenv("MALHA_AI_EMBEDDING", "openai:text-embedding-3-large")
    embedder = open_embedder(AISettings())
    assert isinstance(embedder, OpenAIEmbedder)
    assert embedder.dimensions == 3072
    await embedder.close()


def test_every_provider_is_in_the_table() -> None:
    assert set(PROVIDERS) == {"local", *DEFAULT_MODELS}


def test_the_sdks_cost_nothing_until_they_are_named() -> None:
    heavy = (
        "import sys, services.kit.ai; print({'openai', 'anthropic', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
