"""Log lines: JSON, with whose call it is, and without personal data."""

from __future__ import annotations

import logging
from contextvars import copy_context
from typing import Any

import orjson
import pytest

from services.kit.ids import new_id
from services.kit.log import in_call, redact


def _redacted(**fields: Any) -> dict[str, Any]:
    return dict(redact(None, "info", {"event": "happened", **fields}))


@pytest.mark.parametrize(
    "name", ["text", "payload", "phone", "api_key", "access_token", "app_secret", "nats_seed"]
)
def test_what_carries_personal_data_or_secrets_is_dropped(name: str) -> None:
    assert _redacted(**{name: "x"})[name] == "[redacted]"
    assert _redacted(request={"inner": [{name: "x"}]})["request"]["inner"][0][name] == "[redacted]"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no chat with 5511999990000", "no chat with [phone]"),
        ("no chat with +5511999990000.", "no chat with [phone]."),
        ("DETAIL:  Key (wa_id)=(5511999990000)", "DETAIL:  Key (wa_id)=([phone])"),
        ("ana.b+c@example.com is taken", "[email] is taken"),
    ],
)
def test_what_looks_like_a_person_is_masked_wherever_it_is(text: str, shown: str) -> None:
    assert _redacted(error=text)["error"] == shown
    assert _redacted(errors=[text])["errors"] == [shown]


@pytest.mark.parametrize(
    "value",
    [
        *(new_id() for _ in range(20)),
        "00000000-0000-7000-8000-000000000001",
        "12345678-1234-7234-8234-123456789012",
        "01a203c62a6475ec9a1bd39ce24563c4",
        "2026-11-22T15:00:51.123456Z",
        "knowledge-index_document-42",
        "took 123456789 ns",
    ],
)
def test_ids_and_times_stay_as_they_are(value: str) -> None:
    assert _redacted(correlation=value)["correlation"] == value


@pytest.mark.usefixtures("logging_as_a_process")
def test_what_a_library_logs_is_json_with_the_calls_tenant_and_redacted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail_in_a_call() -> None:
        in_call("t1", "c1")
        try:
            raise RuntimeError("cannot reach 5511999990000")
        except RuntimeError:
            logging.getLogger("asyncio").exception("Task failed for ana@example.com")

    copy_context().run(fail_in_a_call)
    line = orjson.loads(capsys.readouterr().out)
    assert (line["tenant"], line["correlation"], line["service"]) == ("t1", "c1", "crm")
    assert (line["module"], line["level"]) == ("asyncio", "error")
    assert line["message"] == "Task failed for [email]"
    assert "cannot reach [phone]" in line["exception"]
