"""A contract that says it will stop, which none of ours does: in Envoy and in the documents."""

from collections.abc import Iterator
from datetime import date
from itertools import count
from typing import Any, cast

import pytest
from google.api import annotations_pb2
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import Default
from malha.assistants.v1 import assistant_pb2, assistant_service_pb2
from malha.bus.v1 import options_pb2

from envoyconf.contracts import ContractError, Deprecation, load_contracts, rpcs_of
from envoyconf.openapi import openapi
from envoyconf.routes import deprecation_headers
from services.kit.errors import NotFound
from tests.gateway_edge.envoyconf.conftest import Edge, started
from tests.gateway_edge.envoyconf.standin import fail

_numbers = count()


class AssistantNotFound(NotFound):
    """No assistant has the id {id}."""


def contract(since: str, sunset: str, successor: str = "/v2/assistants") -> FileDescriptor:
    """A contract with one call that stops, and one that stays."""
    package = f"malha.assistants.v{90 + next(_numbers)}"
    version = package.rpartition(".")[2]
    file = FileDescriptorProto(
        name=f"{package.replace('.', '/')}/old_service.proto",
        package=package,
        syntax="proto3",
        dependency=[
            assistant_pb2.DESCRIPTOR.name,
            assistant_service_pb2.DESCRIPTOR.name,
            options_pb2.DESCRIPTOR.name,
        ],
    )
    service = file.service.add(name="OldService")
    for name in ("GetOld", "GetNew"):
        method = service.method.add(
            name=name,
            input_type=f".{assistant_service_pb2.GetAssistantRequest.DESCRIPTOR.full_name}",
            output_type=f".{assistant_pb2.Assistant.DESCRIPTOR.full_name}",
        )
        extensions: Any = method.options.Extensions
        extensions[annotations_pb2.http].get = f"/{version}/{name[3:].lower()}/{{id}}"
        extensions[cast(Any, options_pb2.required_scope)] = "assistants:read"
        if name == "GetOld":
            extensions[cast(Any, options_pb2.deprecation)].CopyFrom(
                options_pb2.DeprecationOptions(since=since, sunset=sunset, successor=successor)
            )
    # The default pool, since the options are read by its classes.
    Default().AddSerializedFile(file.SerializeToString())  # type: ignore[no-untyped-call]
    return Default().FindFileByName(file.name)


@pytest.fixture(scope="module")
def old() -> FileDescriptor:
    return contract("2026-11-22", "2027-05-22")


@pytest.fixture(scope="module")
def edge(old: FileDescriptor) -> Iterator[Edge]:
    with started([*load_contracts(), old]) as running:
        yield running


def test_every_answer_of_a_call_that_stops_says_so(edge: Edge, old: FileDescriptor) -> None:
    version = old.package.rpartition(".")[2]
    edge.upstream.answers["OldService/GetOld"] = lambda *_: assistant_pb2.Assistant(name="Ana")

    answer = edge.rest("GET", f"/{version}/old/7")
    edge.upstream.answers["OldService/GetOld"] = fail(AssistantNotFound(id="7"))
    refusal = edge.rest("GET", f"/{version}/old/7")

    assert (answer.status, answer.json["name"], refusal.status) == (200, "Ana", 404)
    for reply in (answer, refusal):
        assert reply.headers["deprecation"] == "@1795305600"
        assert reply.headers["sunset"] == "Sat, 22 May 2027 00:00:00 GMT"
        assert reply.headers["link"] == '</v2/assistants>; rel="successor-version"'


def test_what_stays_says_nothing(edge: Edge, old: FileDescriptor) -> None:
    version = old.package.rpartition(".")[2]
    edge.upstream.answers["OldService/GetNew"] = lambda *_: assistant_pb2.Assistant()

    for path in (f"/{version}/new/7", "/v1/assistants/7", "/v2/assistants/7"):
        reply = edge.rest("GET", path)
        assert reply.status == 200
        assert not {"deprecation", "sunset", "link"} & reply.headers.keys()


def test_the_document_marks_it_with_its_dates(old: FileDescriptor) -> None:
    version = old.package.rpartition(".")[2]

    paths = openapi([old], {f"{old.package}.OldService.GetOld": "Gets."}, version)["paths"]

    stops, stays = paths[f"/{version}/old/{{id}}"]["get"], paths[f"/{version}/new/{{id}}"]["get"]
    assert stops["deprecated"] is True
    assert "**Deprecated** since 2026-11-22, stops on 2027-05-22." in stops["description"]
    assert "Call `/v2/assistants` instead." in stops["description"]
    assert {"Deprecation", "Sunset", "Link"} <= stops["responses"]["200"]["headers"].keys()
    assert "deprecated" not in stays
    assert "Sunset" not in stays["responses"]["200"]["headers"]


@pytest.mark.parametrize(
    ("since", "sunset", "complaint"),
    [
        ("2026-11-22", "2027-05-20", "179 days"),
        ("2026-11-22", "2026-11-21", "-1 days"),
        ("22/11/2026", "2027-05-22", "Invalid isoformat"),
        ("2026-11-22", "", "Invalid isoformat"),
    ],
)
def test_partners_have_half_a_year(since: str, sunset: str, complaint: str) -> None:
    made = contract(since, sunset)

    with pytest.raises(ContractError, match=complaint):
        rpcs_of([made])


def test_half_a_year_is_enough() -> None:
    (stops, stays) = rpcs_of([contract("2026-11-22", "2027-05-21")])

    assert stops.deprecation == Deprecation(date(2026, 11, 22), date(2027, 5, 21), "/v2/assistants")
    assert stays.deprecation is None


def test_without_a_successor_there_is_no_link() -> None:
    headers = deprecation_headers(Deprecation(date(2026, 11, 22), date(2027, 5, 22), ""))

    assert headers.keys() == {"deprecation", "sunset"}


def test_nothing_of_ours_stops_today() -> None:
    assert [rpc.path for rpc in rpcs_of(load_contracts()) if rpc.deprecation] == []
