"""What the processes are told, and what a person may tell them instead."""

from pathlib import Path

import pytest

from services.kit.devstack.environment import ignored_settings
from services.kit.devstack.infra import Infra
from tests.kit.devstack.parts import PlainOperator


async def test_a_person_overrides_what_is_theirs_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "key")
    monkeypatch.setenv("MALHA_PROCESSING_QUIET_TIME", "PT1S")
    monkeypatch.setenv("MALHA_LOG_LEVEL", "DEBUG")
    monkeypatch.setenv("MALHA_DATABASE_URL", "postgresql://elsewhere")
    monkeypatch.setenv("SOMETHING_ELSE", "1")
    infra = Infra(tmp_path, operator=PlainOperator())
    await infra.open()
    try:
        told = infra.environment("processing")
        assert told["OPENAI_API_KEY"] == "key"
        assert told["MALHA_PROCESSING_QUIET_TIME"] == "PT1S"
        assert told["MALHA_LOG_LEVEL"] == "DEBUG"
        assert told["MALHA_DATABASE_URL"] == infra.database_url("processing")
        assert "SOMETHING_ELSE" not in told
        assert ignored_settings(told) == ["MALHA_DATABASE_URL"]
    finally:
        infra.close()


async def test_each_process_knows_only_its_own_secrets(tmp_path: Path) -> None:
    infra = Infra(tmp_path, operator=PlainOperator())
    await infra.open()
    try:
        secrets = infra.wiring.secrets
        told = " ".join(infra.environment("crm").values())
        assert secrets.identities["crm"].private in told
        for other in ("knowledge", "operator"):
            assert secrets.identities[other].private not in told
        assert secrets.nats["admin"].seed not in told
        assert secrets.postgres["malha_owner"] not in told
        assert secrets.encryption_key not in " ".join(infra.wiring.sandbox().values())
        assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600
    finally:
        infra.close()
