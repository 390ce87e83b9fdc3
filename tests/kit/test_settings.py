"""A wrong setting stops the start with its name and what was expected, and never its value."""

from __future__ import annotations

import base64

import pytest
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.kit.settings import EX_CONFIG, KitSettings, read_settings, required

KEY = base64.b64encode(bytes(32)).decode()
RIGHT = {"MALHA_SERVICE_NAME": "crm", "MALHA_SERVICE_KEY": KEY, "MALHA_SERVICE_PUBLIC_KEYS": "{}"}


class Aliased(BaseSettings):
    """A setting with a name of its own beside one with the prefix."""

    model_config = SettingsConfigDict(env_prefix="MALHA_PROBE_")

    key: int = Field(default=1, validation_alias="OUTER_KEY")
    depth: int = 1


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in RIGHT.items():
        monkeypatch.setenv(name, value)


def test_the_right_settings_are_read() -> None:
    assert read_settings(KitSettings).service_name == "crm"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("MALHA_PEERS", "s3cret", "expected JSON"),
        ("MALHA_SERVICE_PUBLIC_KEYS", "s3cret", "expected JSON"),
        ("MALHA_SERVICE_PUBLIC_KEYS", '{"crm": "s3cret"}', "expected 32 bytes in base64"),
        ("MALHA_SERVICE_KEY", "s3cret", "expected 32 bytes in base64"),
        ("MALHA_ENCRYPTION_KEYS", f"{KEY},s3cret", "expected 32 bytes in base64"),
        ("MALHA_PROBE_LISTEN", "s3cret", "expected host:port"),
        ("MALHA_DATABASE_POOL", "s3cret", "valid integer"),
        ("MALHA_DATABASE_POOL", "1", "greater than or equal to 2"),
        ("MALHA_ROLES", "s3cret", "expected rpc, worker, or rpc,worker"),
        ("MALHA_LOG_LEVEL", "s3cret", "expected DEBUG"),
    ],
)
def test_a_wrong_value_is_named_and_not_shown(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    value: str,
    expected: str,
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as stopped:
        read_settings(KitSettings)
    (line,) = capsys.readouterr().err.splitlines()
    assert stopped.value.code == EX_CONFIG
    assert line.startswith(f"setting {name}: ")
    assert expected in line
    assert "s3cret" not in line


def test_every_missing_setting_has_its_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in RIGHT:
        monkeypatch.delenv(name)
    with pytest.raises(SystemExit):
        read_settings(KitSettings)
    lines = capsys.readouterr().err.splitlines()
    assert {line.split()[1].rstrip(":") for line in lines} == set(RIGHT)


def test_a_setting_with_a_name_of_its_own_is_called_by_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OUTER_KEY", "x")
    monkeypatch.setenv("MALHA_PROBE_DEPTH", "x")
    with pytest.raises(SystemExit):
        read_settings(Aliased)
    names = [line.split(": ")[0] for line in capsys.readouterr().err.splitlines()]
    assert names == ["setting OUTER_KEY", "setting MALHA_PROBE_DEPTH"]


def test_what_a_process_cannot_do_without_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        required(None, "MALHA_NATS_URL")
    assert stopped.value.code == EX_CONFIG
    assert capsys.readouterr().err == "setting MALHA_NATS_URL: expected a value\n"
