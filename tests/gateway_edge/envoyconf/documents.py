"""The committed OpenAPI documents, and how values fare by their schemas."""

import json
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for

from envoyconf.protoc import ROOT

VERSIONS = ("v1", "v2")


def committed(version: str) -> dict[str, Any]:
    """The committed document of a version."""
    read: dict[str, Any] = json.loads((ROOT / f"gen/openapi/{version}.json").read_bytes())
    return read


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The operations, by RPC."""
    return {
        operation["x-rpc"]: operation
        for path in document["paths"].values()
        for operation in path.values()
    }


def schema_errors(document: dict[str, Any], name: str, value: object) -> list[str]:
    """What is wrong with a value, by one of the document's schemas."""
    return errors_by(document, {"$ref": f"#/components/schemas/{name}"}, value)


def errors_by(document: dict[str, Any], schema: dict[str, Any], value: object) -> list[str]:
    """What is wrong with a value, by a schema that refers to the document."""
    validator = Draft202012Validator(
        {"components": document["components"], **schema},
        format_checker=validator_for({}, Draft202012Validator).FORMAT_CHECKER,
    )
    return [error.message for error in validator.iter_errors(value)]


def resolved(document: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """A part of a document, wherever it stands."""
    while "$ref" in part:
        found: Any = document
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        part = found
    return part
