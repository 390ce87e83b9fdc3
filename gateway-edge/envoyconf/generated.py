"""What is committed under gen/: Envoy's configuration and the OpenAPI documents."""

from collections.abc import Mapping
from pathlib import Path

import orjson
import yaml

from envoyconf.bootstrap import production_bootstrap
from envoyconf.comments import comments_of
from envoyconf.contracts import load_contracts
from envoyconf.mirror import mirror
from envoyconf.openapi import openapi, versions_of
from envoyconf.protoc import ROOT, compile_contracts

WRITTEN_BY = (
    "# Written by envoy-config-gen from proto/. Change the contracts or envoyconf instead.\n"
)


def write_generated(root: Path = ROOT) -> list[Path]:
    """Bring gen/envoy and gen/openapi up to date; returns what changed."""
    changed = mirror({Path("envoy.yaml"): envoy_yaml()}, root / "gen" / "envoy")
    return changed + mirror(openapi_files(root), root / "gen" / "openapi")


def envoy_yaml() -> bytes:
    """The production form of Envoy's configuration."""
    return as_yaml(production_bootstrap())


def openapi_files(root: Path = ROOT) -> dict[Path, bytes]:
    """The OpenAPI documents, as YAML to review and as JSON to serve."""
    files = load_contracts()
    # gen/python carries no comments, so the contracts themselves are read for them.
    comments = comments_of(compile_contracts(proto=root / "proto"))
    made = {}
    for version in versions_of(files):
        document = openapi(files, comments, version)
        made[Path(f"{version}.yaml")] = as_yaml(document)
        made[Path(f"{version}.json")] = orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n"
    return made


def as_yaml(document: Mapping[str, object]) -> bytes:
    """YAML for people: in the order it was built, and without anchors."""
    text = yaml.dump(
        document,
        Dumper=_Plain,
        sort_keys=False,
        allow_unicode=True,
        width=100,
        default_flow_style=False,
    )
    return (WRITTEN_BY + text).encode()


class _Plain(yaml.SafeDumper):
    def ignore_aliases(self, _: object) -> bool:
        return True
