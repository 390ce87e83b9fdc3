"""The RPC pipeline over a real gRPC server: identity, rules, errors, and nothing leaks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.empty_pb2 import Empty
from malha.assistants.v1.assistant_pb2 import Assistant
from malha.assistants.v1.assistant_service_pb2 import (
    CreateAssistantRequest,
    DeleteAssistantRequest,
    GetAssistantRequest,
    ListAssistantsRequest,
    UpdateAssistantRequest,
)
from malha.crm.v1.tenant_pb2 import TENANT_STATUS_SUSPENDED
from prometheus_client import REGISTRY

from services.kit import rpc
from services.kit.auth import Authenticator, Signer
from services.kit.call import Call
from services.kit.errors import NotFound, Unavailable, from_rpc_error
from services.kit.etags import require_etag, with_etag
from services.kit.log import get_logger
from services.kit.peers import Peers
from services.kit.rpc import BindError, Pipeline
from services.kit.wiring import MissingDependency
from tests.kit.serving import SERVICE, Answer, Stub, ask, context, serving, wiring
from tests.kit.test_auth import KEYS, PUBLIC, Directory, user_token
from tests.outside import until


class ThingNotFound(NotFound):
    """No thing has the id {id}."""


class Behaviour:
    """What GetAssistant does, per id's last digit."""

    seen: Call

    def __init__(self) -> None:
        self.reached = asyncio.Event()


async def get_assistant(call: Call, request: Any, *, behaviour: Behaviour) -> Assistant:
    behaviour.seen = call
    behaviour.reached.set()
    match request.id[-1]:
        case "1":
            raise ThingNotFound(id=request.id)
        case "2":
            raise RuntimeError("secret stack with password hunter2")
        case "3":
            await asyncio.sleep(60)
        case "4":
            raise Unavailable(retry_after=2.5)
        case "5":
            return with_etag(Assistant(id=request.id, name="Lia"))
        case "6":
            raise ThingNotFound
    return Assistant(id=request.id)


async def update_assistant(call: Call, request: Any) -> Assistant:
    current = with_etag(Assistant(id=request.id, name="Lia"))
    require_etag(request, current)
    return with_etag(Assistant(id=request.id, name=request.name))


async def delete_assistant(call: Call, request: Any) -> Empty:
    return Empty()


FUNCTIONS = {
    "get_assistant": get_assistant,
    "update_assistant": update_assistant,
    "delete_assistant": delete_assistant,
}


@pytest.fixture
def behaviour() -> Behaviour:
    return Behaviour()


@pytest.fixture
def directory() -> Directory:
    return Directory()


@pytest.fixture
def pipeline(directory: Directory) -> Pipeline:
    return Pipeline(
        Authenticator(PUBLIC, directory), None, Peers({}, Signer("crm", KEYS["crm"][0]))
    )


@pytest.fixture
async def stub(tmp_path: Path, behaviour: Behaviour, pipeline: Pipeline) -> AsyncIterator[Stub]:
    async with serving(tmp_path, pipeline, FUNCTIONS, behaviour) as stub:
        yield stub


def _id(last: int) -> str:
    return f"00000000-0000-7000-8000-00000000000{last}"


async def _get(stub: Stub, id: str | int, *, timeout: float | None = 5, **headers: str) -> Answer:
    request = GetAssistantRequest(id=id if isinstance(id, str) else _id(id))
    return await ask(stub.GetAssistant, request, timeout=timeout, **headers)


async def test_a_call_carries_who_and_which(stub: Stub, behaviour: Behaviour) -> None:
    answer = await _get(
        stub,
        0,
        x_correlation_id="my-own-correlation",
        x_request_id="r-1",
        x_envoy_external_address="203.0.113.7",
        user_agent="x" * 500,
    )
    call = behaviour.seen
    assert answer.reply.id == _id(0)
    assert (call.tenant_id, call.workspace_id, call.actor.id) == ("t1", "w1", "k1")
    assert (call.correlation_id, call.cause) == ("my-own-correlation", "r-1")
    assert call.limits.assistants == 3
    assert call.address == "203.0.113.7"
    assert 0 < len(call.user_agent) <= 200
    assert call.readonly


async def test_a_person_is_known_by_their_token(
    stub: Stub, behaviour: Behaviour, directory: Directory
) -> None:
    answer = await _get(stub, 0, authorization=f"Bearer {user_token()}")
    assert answer.code == "OK"
    assert (behaviour.seen.actor.kind, behaviour.seen.actor.session_id) == ("user", "s1")
    assert behaviour.seen.workspace_id == "w2"


@pytest.mark.parametrize(("last", "code"), [(0, "OK"), (1, "NOT_FOUND"), (2, "INTERNAL")])
async def test_every_answer_says_its_correlation_before_anything_else(
    stub: Stub, last: int, code: str
) -> None:
    answer = await _get(stub, last, x_correlation_id="my-own-correlation")
    assert answer.code == code
    assert answer.headers["x-correlation-id"] == "my-own-correlation"
    refused = await _get(stub, last, x_api_key="bad", x_correlation_id="my-own-correlation")
    assert refused.headers["x-correlation-id"] == "my-own-correlation"


@pytest.mark.parametrize("hostile", ["x" * 500, "a b", "<script>", "'; DROP TABLE x", "short"])
async def test_a_hostile_correlation_id_is_replaced(
    stub: Stub, behaviour: Behaviour, hostile: str
) -> None:
    answer = await _get(stub, 0, x_correlation_id=hostile)
    assert len(behaviour.seen.correlation_id) == 36
    assert answer.headers["x-correlation-id"] == behaviour.seen.correlation_id


@pytest.mark.parametrize("hostile", ["x" * 500, "a b", "<script>", "'; DROP TABLE x"])
async def test_a_hostile_request_id_goes_nowhere(
    stub: Stub, behaviour: Behaviour, hostile: str
) -> None:
    answer = await _get(stub, 1, x_request_id=hostile)
    request_id = answer.details["RequestInfo"].request_id
    assert request_id == behaviour.seen.cause == behaviour.seen.correlation_id
    assert len(request_id) == 36


@pytest.mark.usefixtures("logging_as_a_process")
async def test_a_bugs_log_line_says_whose_call_it_was(
    stub: Stub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.kit.rpc.log", get_logger("services.kit.rpc"))
    await _get(stub, 2, x_correlation_id="my-own-correlation")
    said = capsys.readouterr().out
    line = next(line for line in said.splitlines() if "rpc failed" in line)
    assert '"correlation":"my-own-correlation"' in line
    assert '"tenant":"t1"' in line


async def test_an_error_says_its_reason_and_the_request(stub: Stub) -> None:
    answer = await _get(stub, 1, x_request_id="r-1")
    assert answer.error is not None
    assert answer.code == "NOT_FOUND"
    assert answer.error.details() == f"No thing has the id {_id(1)}."
    assert answer.reason == "THING_NOT_FOUND"
    assert answer.details["ErrorInfo"].metadata == {"id": _id(1)}
    assert answer.details["RequestInfo"].request_id == "r-1"
    assert from_rpc_error(answer.error).reason == "THING_NOT_FOUND"


async def test_an_error_says_when_to_try_again(stub: Stub) -> None:
    answer = await _get(stub, 4)
    assert answer.headers["retry-after"] == "2"
    assert answer.details["RetryInfo"].retry_delay.ToMilliseconds() == 2500
    assert "retry-after" not in (await _get(stub, 1)).headers


async def test_a_bug_leaks_nothing(stub: Stub) -> None:
    answer = await _get(stub, 2)
    assert answer.code == "INTERNAL"
    assert "hunter2" not in str(answer.error)
    assert "RuntimeError" not in str(answer.error)
    assert answer.details["RequestInfo"].request_id


async def test_a_broken_rule_names_its_field_as_the_caller_writes_it(stub: Stub) -> None:
    wrong = ListAssistantsRequest(page_size=-1, page_token="x" * 2000, name="x" * 300)
    plain = await ask(stub.ListAssistants, wrong)
    assert plain.code == "INVALID_ARGUMENT"
    assert set(plain.fields) == {"page_size", "page_token", "name"}
    json = await ask(stub.ListAssistants, wrong, x_envoy_original_path="/v1/assistants")
    assert set(json.fields) == {"pageSize", "pageToken", "name"}
    assert json.error is not None
    said = f"{json.error.details()} {json.details['ErrorInfo'].metadata['fields']}"
    assert "pageSize" in said
    assert "page_size" not in said


async def test_who_is_not_known_learns_nothing_of_the_rules(stub: Stub) -> None:
    answer = await _get(stub, "nonsense", x_api_key="bad")
    assert answer.code == "UNAUTHENTICATED"
    assert "BadRequest" not in answer.details


async def test_who_may_not_learns_nothing_of_the_rules_either(stub: Stub) -> None:
    answer = await ask(stub.DeleteAssistant, DeleteAssistantRequest(id="nonsense"))
    assert (answer.code, answer.reason) == ("PERMISSION_DENIED", "SCOPE_MISSING")
    assert "BadRequest" not in answer.details


async def test_a_scope_that_is_missing_is_named(stub: Stub) -> None:
    answer = await ask(stub.CreateAssistant, CreateAssistantRequest(name="Lia"))
    assert answer.code == "PERMISSION_DENIED"
    assert answer.details["ErrorInfo"].metadata == {"scope": "assistants:write"}


async def test_a_tenant_that_is_suspended_is_told_so(stub: Stub, directory: Directory) -> None:
    directory.access.tenant_status = TENANT_STATUS_SUSPENDED
    answer = await _get(stub, 0)
    assert (answer.code, answer.reason) == ("PERMISSION_DENIED", "TENANT_SUSPENDED")


async def test_a_key_bound_to_networks_is_refused_from_elsewhere(
    stub: Stub, directory: Directory
) -> None:
    directory.access.allowed_networks.append("203.0.113.0/24")
    for address, code in (("203.0.113.5", "OK"), ("198.51.100.5", "PERMISSION_DENIED")):
        assert (await _get(stub, 0, x_envoy_external_address=address)).code == code
    assert (await _get(stub, 0)).reason == "ADDRESS_NOT_ALLOWED"
    # Only Envoy says where a call comes from.
    forged = await _get(stub, 0, x_forwarded_for="203.0.113.5")
    assert forged.reason == "ADDRESS_NOT_ALLOWED"


async def test_without_crm_a_call_may_be_tried_again(stub: Stub, directory: Directory) -> None:
    directory.away = True
    assert (await _get(stub, 0)).code == "UNAVAILABLE"


@pytest.mark.parametrize(("setting", "timeout"), [("_DEFAULT_SECONDS", None), ("_MAX_SECONDS", 5)])
async def test_a_call_without_a_deadline_or_with_a_far_one_is_ended_by_the_service(
    stub: Stub, monkeypatch: pytest.MonkeyPatch, setting: str, timeout: float | None
) -> None:
    monkeypatch.setattr(rpc, setting, 0.05)
    answer = await _get(stub, 3, timeout=timeout, x_correlation_id="my-own-correlation")
    assert (answer.code, answer.reason) == ("DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED")
    assert answer.headers["x-correlation-id"] == "my-own-correlation"


async def test_a_call_is_stopped_at_its_callers_deadline(stub: Stub) -> None:
    before = _ended("DEADLINE_EXCEEDED")
    assert (await _get(stub, 3, timeout=0.2)).code == "DEADLINE_EXCEEDED"
    await _until_ended("DEADLINE_EXCEEDED", before + 1)


async def test_a_call_is_stopped_when_its_caller_hangs_up(stub: Stub, behaviour: Behaviour) -> None:
    before = _ended("CANCELLED")
    call = stub.GetAssistant(GetAssistantRequest(id=_id(3)), metadata=(("x-api-key", "good"),))
    asking = asyncio.ensure_future(call)
    await behaviour.reached.wait()
    call.cancel()
    await _until_ended("CANCELLED", before + 1)
    with pytest.raises(asyncio.CancelledError):
        await asking


def _ended(code: str) -> float:
    labels = {"method": "AssistantService.GetAssistant", "code": code}
    return REGISTRY.get_sample_value("malha_rpc_seconds_count", labels) or 0.0


async def _until_ended(code: str, count: float) -> None:
    async def ended() -> bool:
        return _ended(code) == count

    await until(ended, 5)


async def test_an_error_that_lacks_what_its_text_names_is_a_bug(stub: Stub) -> None:
    answer = await _get(stub, 6, x_correlation_id="my-own-correlation")
    assert (answer.code, answer.reason) == ("INTERNAL", "INTERNAL")
    assert "KeyError" not in str(answer.error)
    assert answer.headers["x-correlation-id"] == "my-own-correlation"


# Versions.


@pytest.fixture
def writer(directory: Directory) -> None:
    directory.access.scopes.append("assistants:write")


async def test_a_reply_with_a_version_says_so_in_its_header(stub: Stub) -> None:
    answer = await _get(stub, 5)
    assert answer.reply.etag
    assert answer.headers["etag"] == f'"{answer.reply.etag}"'
    assert "etag" not in (await _get(stub, 1)).headers
    assert "etag" not in (await _get(stub, 0)).headers  # One without a version has no header.


@pytest.mark.parametrize("form", ['"{}"', 'W/"{}"', "{}", "*", ' "{}" '])
@pytest.mark.usefixtures("writer")
async def test_the_version_that_was_read_may_be_changed(stub: Stub, form: str) -> None:
    etag = (await _get(stub, 5)).reply.etag
    request = UpdateAssistantRequest(id=_id(5), name="Bia")
    answer = await ask(stub.UpdateAssistant, request, if_match=form.format(etag))
    assert answer.code == "OK"
    assert answer.headers["etag"] == f'"{answer.reply.etag}"' != f'"{etag}"'


@pytest.mark.parametrize("form", ['"another"', "another", '"{0}", "x"', '"{0}x"'])
@pytest.mark.usefixtures("writer")
async def test_another_version_may_not(stub: Stub, form: str) -> None:
    etag = (await _get(stub, 5)).reply.etag
    request = UpdateAssistantRequest(id=_id(5), name="Bia")
    answer = await ask(stub.UpdateAssistant, request, if_match=form.format(etag))
    assert (answer.code, answer.reason) == ("ABORTED", "ETAG_MISMATCH")
    assert "etag" not in answer.headers


@pytest.mark.usefixtures("writer")
async def test_what_the_message_says_counts_before_the_header(stub: Stub) -> None:
    etag = (await _get(stub, 5)).reply.etag
    for said, header, code in ((etag, '"x"', "OK"), ("x", f'"{etag}"', "ABORTED")):
        request = UpdateAssistantRequest(id=_id(5), name="Bia", etag=said)
        assert (await ask(stub.UpdateAssistant, request, if_match=header)).code == code


@pytest.mark.usefixtures("writer")
async def test_a_version_that_is_none_breaks_a_rule_of_the_contract(stub: Stub) -> None:
    request = UpdateAssistantRequest(id=_id(5), name="Bia")
    answer = await ask(stub.UpdateAssistant, request, if_match='"' + "x" * 65 + '"')
    assert (answer.code, answer.fields) == ("INVALID_ARGUMENT", ["etag"])


@pytest.mark.usefixtures("writer")
async def test_a_condition_that_cannot_be_kept_is_refused(stub: Stub) -> None:
    request = DeleteAssistantRequest(id=_id(5))
    answer = await ask(stub.DeleteAssistant, request, if_match='"x"')
    assert (answer.code, answer.reason) == ("INVALID_ARGUMENT", "INVALID_REQUEST")
    assert (await ask(stub.DeleteAssistant, request)).code == "OK"
    assert "etag" not in answer.headers


# The start.


async def test_an_rpc_without_a_function_does_not_start(
    pipeline: Pipeline, behaviour: Behaviour
) -> None:
    made = context(**FUNCTIONS)
    assert made.queries is not None
    del made.queries.list_assistants
    with pytest.raises(BindError, match="list_assistants"):
        await pipeline.bind(SERVICE, made, wiring(behaviour))


async def test_a_missing_dependency_stops_the_start_with_its_name(
    pipeline: Pipeline, behaviour: Behaviour
) -> None:
    async def list_assistants(call: Call, request: Any, *, moon: Signer) -> Any: ...

    with pytest.raises(MissingDependency, match="moon"):
        made = context(**FUNCTIONS, list_assistants=list_assistants)
        await pipeline.bind(SERVICE, made, wiring(behaviour))
