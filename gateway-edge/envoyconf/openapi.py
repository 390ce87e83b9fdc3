"""OpenAPI 3.1 out of the contracts: one document for each version of the API."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from google.api.http_pb2 import HttpRule
from google.protobuf.descriptor import (
    Descriptor,
    FieldDescriptor,
    FileDescriptor,
    MethodDescriptor,
    ServiceDescriptor,
)

from envoyconf import problems
from envoyconf.about import ABOUT, IDEMPOTENCY_KEY, IF_MATCH, parameters
from envoyconf.comments import first_sentence
from envoyconf.contracts import (
    ANY_PERSON,
    PUBLIC,
    RPC,
    http_rules,
    roles_by_scope,
    rpc_of,
    services_of,
    verb_and_path,
)
from envoyconf.examples import example
from envoyconf.rules import may_be_absent
from envoyconf.schemas import NOT_IN_A_QUERY, WELL_KNOWN, Schemas

Schema = dict[str, Any]

_DISALLOWED = re.compile(r"_ALREADY_|_TOO_WEAK")
"""In the comment of an RPC: the reasons of a 409, besides those that are everywhere."""


def versions_of(files: Iterable[FileDescriptor]) -> list[str]:
    """The versions that have a REST API."""
    return sorted(
        {
            rpc.version
            for service in services_of(files)
            for method in service.methods
            if (rpc := rpc_of(method)).rules
        }
    )


def openapi(files: Iterable[FileDescriptor], comments: Mapping[str, str], version: str) -> Schema:
    """The document of one version."""
    schemas = Schemas(comments)
    services = [
        service
        for service in sorted(services_of(files), key=lambda service: service.full_name)
        if any(_belongs(method, version) for method in service.methods)
    ]
    methods = [
        method for service in services for method in service.methods if _belongs(method, version)
    ]
    for method in methods:
        schemas.answer(method.output_type)
    paths: dict[str, dict[str, Schema]] = {}
    for method in methods:
        for number, rule in enumerate(http_rules(method)):
            operation = _Operation(schemas, method, rule)
            made = operation.document(suffix=f"_{number + 1}" if number else "")
            paths.setdefault(operation.path, {})[operation.verb] = made
    return {
        "openapi": "3.1.0",
        "info": {"title": "Malha", "version": version, "description": ABOUT},
        "externalDocs": {
            "description": "Versions, limits, idempotency and errors",
            "url": "/docs/policy",
        },
        "servers": [{"url": "/"}],
        "tags": [
            {"name": _tag(service), "description": schemas.comment(service)} for service in services
        ],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(sorted({**schemas.components, **problems.SCHEMAS}.items())),
            "parameters": parameters(),
            "responses": problems.RESPONSES,
            "headers": problems.HEADERS,
            "securitySchemes": {
                "apiKey": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "x-api-key",
                    "description": "A partner's key.",
                },
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "A person's access token, from `POST /v1/sessions`.",
                },
            },
        },
    }


class _Operation:
    """One binding of one RPC."""

    def __init__(self, schemas: Schemas, method: MethodDescriptor, rule: HttpRule) -> None:
        self._schemas = schemas
        self._method = method
        self._rule = rule
        self.verb, template = verb_and_path(rule)
        self._in_path = dict(_variables(method.input_type, template))
        self.path = re.sub(r"\{([^}=]+)[^}]*\}", self._name_in_path, template)

    def document(self, suffix: str) -> Schema:
        """The operation."""
        method = self._method
        comment = self._schemas.comment(method)
        rpc = rpc_of(method)
        operation: Schema = {
            "operationId": f"{method.containing_service.name}_{method.name}{suffix}",
            "tags": [_tag(method.containing_service)],
            "summary": first_sentence(comment),
            "description": "\n\n".join([comment, *_who(rpc), *_until(rpc)]),
            "x-rpc": f"{rpc.service}.{rpc.name}",
            "security": _security(rpc.scope),
        }
        if rpc.deprecation or method.GetOptions().deprecated:
            operation["deprecated"] = True
        operation["parameters"] = [
            *self._path_parameters(),
            *self._query_parameters(),
            *({"$ref": f"#/components/parameters/{name}"} for name in self._headers(rpc)),
        ]
        if self._rule.body:
            operation["requestBody"] = self._body()
        operation["responses"] = self._responses(rpc, comment)
        return operation

    def _headers(self, rpc: RPC) -> Iterator[str]:
        if self._takes_key(rpc):
            yield IDEMPOTENCY_KEY
        if "etag" in self._method.input_type.fields_by_name:
            yield IF_MATCH
        yield problems.TRACE_HEADERS[1]

    def _takes_key(self, rpc: RPC) -> bool:
        return self.verb != "get" and rpc.scope != PUBLIC

    def _name_in_path(self, match: re.Match[str]) -> str:
        return "{" + _json_path(self._in_path[match[1]]) + "}"

    def _path_parameters(self) -> Iterator[Schema]:
        for fields in self._in_path.values():
            schema, description = self._schemas.parameter(fields[-1])
            yield {
                "name": _json_path(fields),
                "in": "path",
                "required": True,
                "description": description,
                "schema": schema,
            }

    def _query_parameters(self) -> Iterator[Schema]:
        if self._rule.body == "*":
            return
        elsewhere = {*self._in_path, self._rule.body}
        for fields in _leaves(self._method.input_type, elsewhere):
            schema, description = self._schemas.parameter(fields[-1])
            parameter: Schema = {
                "name": _json_path(fields),
                "in": "query",
                "description": description,
                "schema": schema,
            }
            if len(fields) == 1 and not may_be_absent(fields[0]):
                parameter["required"] = True
            if fields[-1].is_repeated:
                parameter |= {"style": "form", "explode": True}
            yield parameter

    def _body(self) -> Schema:
        if self._rule.body == "*":
            message, elsewhere = self._method.input_type, tuple(self._in_path)
            schema = self._schemas.request(message, without=elsewhere)
        else:
            field = self._method.input_type.fields_by_name[self._rule.body]
            assert field.message_type is not None
            message, elsewhere = field.message_type, ()
            schema = self._schemas.field(field, sent=True)
        media = {"schema": schema, "example": example(message, sent=True, without=elsewhere)}
        # No body at all means {}.
        needed = any(
            not may_be_absent(field) for field in message.fields if field.name not in elsewhere
        )
        return {"required": needed, "content": {"application/json": media}}

    def _responses(self, rpc: RPC, comment: str) -> Schema:
        # Signing in needs no identity, and fails for want of one.
        names = ["InvalidArgument", "Unauthenticated", "TooManyRequests", "Unavailable", "Error"]
        if rpc.scope != PUBLIC:
            names.append("PermissionDenied")
        if self._in_path or "_NOT_FOUND" in comment:
            names.append("NotFound")
        takes = self._method.input_type.fields_by_name
        if self._takes_key(rpc) or "page_token" in takes or _DISALLOWED.search(comment):
            names.append("Conflict")
        if self._rule.body:
            names += ["BodyTooLarge", "UnsupportedMediaType"]
        errors = {
            problems.PROBLEMS[name].status: {"$ref": f"#/components/responses/{name}"}
            for name in names
        }
        return {"200": self._answer(rpc), **dict(sorted(errors.items()))}

    def _answer(self, rpc: RPC) -> Schema:
        message = self._method.output_type
        headers = list(problems.TRACE_HEADERS)
        if rpc.scope != PUBLIC:
            headers += problems.LIMIT_HEADERS
        if "etag" in message.fields_by_name:
            headers.append("ETag")
        if self._takes_key(rpc):
            headers.append("idempotent-replayed")
        if rpc.deprecation:
            headers += problems.DEPRECATION_HEADERS[: 3 if rpc.deprecation.successor else 2]
        return {
            "description": self._schemas.comment(message) or "Done.",
            "headers": problems.header_references(*headers),
            "content": {
                "application/json": {
                    "schema": self._schemas.answer(message),
                    "example": example(message, sent=False),
                }
            },
        }


def _who(rpc: RPC) -> Iterator[str]:
    if rpc.scope == PUBLIC:
        yield "Needs no identity."
    elif rpc.scope == ANY_PERSON:
        yield "Any signed-in person; no API key."
    else:
        holders = ", ".join(roles_by_scope().get(rpc.scope, ()))
        yield f"Scope: `{rpc.scope}`. Roles: {holders}."


def _until(rpc: RPC) -> Iterator[str]:
    if rpc.deprecation:
        said = f"**Deprecated** since {rpc.deprecation.since}, stops on {rpc.deprecation.sunset}."
        successor = rpc.deprecation.successor
        yield f"{said} Call `{successor}` instead." if successor else said


def _security(scope: str) -> list[Schema]:
    if scope == PUBLIC:
        return []
    if scope == ANY_PERSON:
        return [{"bearer": [scope]}]
    return [{"apiKey": [scope]}, {"bearer": [scope]}]


def _belongs(method: MethodDescriptor, version: str) -> bool:
    rpc = rpc_of(method)
    return bool(rpc.rules) and rpc.version == version


def _tag(service: ServiceDescriptor) -> str:
    return service.name.removesuffix("Service")


def _variables(
    message: Descriptor, template: str
) -> Iterator[tuple[str, tuple[FieldDescriptor, ...]]]:
    for match in re.finditer(r"\{([^}=]+)", template):
        fields: list[FieldDescriptor] = []
        holder: Descriptor | None = message
        for name in match[1].split("."):
            assert holder is not None, f"{match[1]} is no field of {message.full_name}"
            fields.append(holder.fields_by_name[name])
            holder = fields[-1].message_type
        yield match[1], tuple(fields)


def _leaves(
    message: Descriptor, elsewhere: Collection[str], above: tuple[FieldDescriptor, ...] = ()
) -> Iterator[tuple[FieldDescriptor, ...]]:
    """The fields that Envoy reads from a query: plain ones, also inside of messages."""
    for field in message.fields:
        path = (*above, field)
        if ".".join(part.name for part in path) in elsewhere:
            continue
        inner = field.message_type
        if inner is None or (
            inner.full_name in WELL_KNOWN and inner.full_name not in NOT_IN_A_QUERY
        ):
            yield path
        elif (
            inner.full_name not in WELL_KNOWN
            and not field.is_repeated
            and all(part.containing_type is not inner for part in path)
        ):
            yield from _leaves(inner, elsewhere, path)


def _json_path(fields: Iterable[FieldDescriptor]) -> str:
    return ".".join(field.json_name for field in fields)
