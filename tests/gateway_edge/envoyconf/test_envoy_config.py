"""Envoy's configuration, without running it."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.api.http_pb2 import HttpRule
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from envoyconf.__main__ import write_bootstrap
from envoyconf.bootstrap import bootstrap, production_bootstrap
from envoyconf.contracts import RPC, ContractError, check, load_contracts, rpcs_of
from envoyconf.generated import envoy_yaml
from envoyconf.mesh import Address, Mesh
from envoyconf.protoc import ROOT
from tests.gateway_edge.envoyconf.conftest import ENVOY

RPCS = rpcs_of(load_contracts())
CLUSTERS = {service: f"unix:/run/malha/{service}.sock" for service in {rpc.cluster for rpc in RPCS}}
MESH: dict[str, Any] = {
    "http_port": 18080,
    "grpc_port": 18081,
    "admin_socket": "/tmp/malha-test-admin.sock",
    "clusters": {**CLUSTERS, "edge": "127.0.0.1:18000"},
}


def run(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run `python -m envoyconf`."""
    path = os.pathsep.join(str(ROOT / part) for part in ("", "gen/python", "gateway-edge"))
    return subprocess.run(
        [sys.executable, "-m", "envoyconf", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def validate(config: Path) -> None:
    """Let Envoy judge a configuration."""
    judged = subprocess.run(
        [ENVOY, "--mode", "validate", "-c", str(config), "--use-dynamic-base-id", "-l", "warning"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert judged.returncode == 0, judged.stderr
    assert not judged.stderr.strip(), "a warning is a mistake that has not happened yet"


def routes_of(config: dict[str, object], listener: str) -> list[dict[str, Any]]:
    """The routes of one listener."""
    static: Any = config["static_resources"]
    chosen = next(item for item in static["listeners"] if item["name"] == listener)
    manager = chosen["filter_chains"][0]["filters"][0]["typed_config"]
    routes: list[dict[str, Any]] = manager["route_config"]["virtual_hosts"][0]["routes"]
    return routes


def test_the_committed_configuration_is_fresh() -> None:
    assert (ROOT / "gen/envoy/envoy.yaml").read_bytes() == envoy_yaml(), "run `make gen`"


def test_envoy_accepts_the_committed_configuration() -> None:
    validate(ROOT / "gen/envoy/envoy.yaml")


def test_envoy_accepts_the_configuration_of_a_running_mesh(tmp_path: Path) -> None:
    (tmp_path / "mesh.json").write_text(
        json.dumps({**MESH, "extra": {"echo": "unix:/run/malha/echo.sock"}})
    )

    done = run("--bootstrap", tmp_path / "envoy.json", "--clusters", tmp_path / "mesh.json")

    assert done.returncode == 0, done.stderr
    validate(tmp_path / "envoy.json")
    config = json.loads((tmp_path / "envoy.json").read_text())
    assert "/malha.echo.v1.EchoService/Echo" in {
        route["match"].get("path") for route in routes_of(config, "rest")
    }


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"clusters": {"edge": "127.0.0.1:1"}}, "clusters: no address for assistants"),
        ({"clusters": {**MESH["clusters"], "crn": "h:1"}}, "clusters: nobody is called crn"),
        ({"clusters": {**MESH["clusters"], "crm": "unix:x"}}, "expected unix:/absolute/path"),
        ({"clusters": {**MESH["clusters"], "crm": "host"}}, "expected unix:/path or host:port"),
        ({"http_port": 0}, "http_port: Input should be greater than or equal to 1"),
        ({"htp_port": 1}, "htp_port: Extra inputs are not permitted"),
    ],
)
def test_a_wrong_address_is_named(
    tmp_path: Path, change: dict[str, object], complaint: str
) -> None:
    (tmp_path / "mesh.json").write_text(json.dumps({**MESH, **change}))

    with pytest.raises(SystemExit) as stopped:
        write_bootstrap(tmp_path / "envoy.json", tmp_path / "mesh.json")

    assert complaint in str(stopped.value)
    assert str(tmp_path / "mesh.json") in str(stopped.value)
    assert not (tmp_path / "envoy.json").exists()


@pytest.mark.parametrize(
    ("text", "is_name"),
    [("unix:/run/a.sock", False), ("10.0.0.1:80", False), ("[::1]:80", False), ("crm:50051", True)],
)
def test_only_names_are_resolved(text: str, is_name: bool) -> None:
    assert Address.parse(text).is_name is is_name


def test_rest_routes_exactly_the_public_rpcs() -> None:
    public = {rpc.path for rpc in RPCS if rpc.rules}
    routed = [
        route["match"]
        for route in routes_of(production_bootstrap(), "rest")
        if "path" in route["match"]
    ]
    assert len(routed) == len(public)

    assert {match["path"] for match in routed} == public
    assert all(match["headers"][0]["name"] == "x-envoy-original-path" for match in routed)


def test_grpc_routes_every_service() -> None:
    prefixes = {
        route["match"].get("prefix") for route in routes_of(production_bootstrap(), "grpc")
    } - {None}

    assert prefixes == {f"/malha.{service}." for service in CLUSTERS}


def test_only_what_is_harmless_to_repeat_is_repeated_after_it_was_sent() -> None:
    config = production_bootstrap()
    repeatable = {rpc.path for rpc in RPCS if rpc.repeatable}

    for listener in ("rest", "grpc"):
        for route in routes_of(config, listener):
            retry_on = route.get("route", {}).get("retry_policy", {}).get("retry_on", "").split(",")
            again = {"unavailable", "reset", "5xx", "gateway-error"} & {*retry_on}
            assert bool(again) == (route["match"].get("path") in repeatable), route


def test_every_rpc_says_who_may_call_it() -> None:
    assert [rpc.path for rpc in RPCS if not rpc.scope] == []


@pytest.mark.parametrize(
    ("scope", "path", "complaint"),
    [
        ("service", "/v1/things", "nobody outside can hold"),
        ("admin", "/v1/things", "nobody outside can hold"),
        ("things:read", "/v2/things", "must begin with /v1/"),
    ],
)
def test_a_contract_that_cannot_be_served_is_refused(scope: str, path: str, complaint: str) -> None:
    rpc = RPC(
        service="malha.crm.v1.ThingService",
        name="GetThing",
        cluster="crm",
        version="v1",
        rules=(HttpRule(get=path),),
        scope=scope,
        repeatable=True,
    )

    with pytest.raises(ContractError, match=complaint):
        check(rpc)


def test_the_transcoders_descriptors_are_complete_and_hold_no_rules() -> None:
    config = bootstrap(Mesh.model_validate(MESH))
    static: Any = config["static_resources"]
    manager = static["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    transcoder = next(item for item in manager["http_filters"] if "transcoder" in item["name"])
    described = FileDescriptorSet.FromString(
        base64.b64decode(transcoder["typed_config"]["proto_descriptor_bin"])
    )
    names = [file.name for file in described.file]
    for file in described.file:
        assert {*file.dependency} <= {*names}, file.name
        assert not [
            field.name
            for message in file.message_type
            for field in message.field
            if field.HasField("options")
        ]
    assert not [name for name in names if name.startswith(("buf/", "malha/bus/"))]


def test_the_committed_yaml_says_who_wrote_it() -> None:
    text = (ROOT / "gen/envoy/envoy.yaml").read_text()

    assert text.startswith("# Written by envoy-config-gen")
    assert yaml.safe_load(text) == production_bootstrap()
