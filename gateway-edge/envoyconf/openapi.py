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
from envoyconf.comments import first_sentence
from envoyconf.contracts import PUBLIC, http_rules, rpc_of, services_of, verb_and_path
from envoyconf.rules import may_be_absent
from envoyconf.schemas import NOT_IN_A_QUERY, WELL_KNOWN, Schemas

Schema = dict[str, Any]

ABOUT = """\
Malha's API. Each call is also a gRPC method; `x-rpc` names it.

**Identity.** An API key in `x-api-key`, or a person's token as `Authorization: Bearer …`. The \
scope that a call needs stands at the call.

**Errors** are `google.rpc.Status`. Tell them apart by `reason` in their `ErrorInfo`; quote the \
`requestId` to support. Ids that do not exist and ids of other tenants look the same: 404.

**Pages.** Lists return at most `pageSize` items (50 by default, 200 at the most) and a \
`nextPageToken`, empty on the last page. A token belongs to the query it came with.

**Updates** change what is sent: a field that is absent stays as it is, an empty one is cleared.

**JSON** is Protobuf's: camelCase names (snake_case is accepted), 64-bit numbers as strings, \
bytes as base64, spans of time as `"3.5s"`, enums by name. Answers hold every plain field, empty \
or not; unset objects and times are left out.

**Mind the spelling.** Fields in a body that the API does not know are ignored without an error. \
Query parameters that it does not know are refused with 400.

Bodies are at most 1 MiB. `x-correlation-id` (64 characters at the most) is taken over into logs \
and events, and returned.
"""


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
        "servers": [{"url": "/"}],
        "tags": [
            {"name": _tag(service), "description": schemas.comment(service)} for service in services
        ],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(sorted({**schemas.components, **problems.SCHEMAS}.items())),
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
            "description": comment
            if rpc.scope == PUBLIC
            else f"{comment}\n\nScope: `{rpc.scope}`.",
            "x-rpc": f"{rpc.service}.{rpc.name}",
            "security": []
            if rpc.scope == PUBLIC
            else [{"apiKey": [rpc.scope]}, {"bearer": [rpc.scope]}],
        }
        if method.GetOptions().deprecated:
            operation["deprecated"] = True
        if parameters := [*self._path_parameters(), *self._query_parameters()]:
            operation["parameters"] = parameters
        if self._rule.body:
            operation["requestBody"] = self._body()
        operation["responses"] = self._responses(rpc.scope, comment)
        return operation

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
            schema = self._schemas.request(self._method.input_type, without=self._in_path)
        else:
            field = self._method.input_type.fields_by_name[self._rule.body]
            schema = self._schemas.field(field, sent=True)
        return {"required": True, "content": {"application/json": {"schema": schema}}}

    def _responses(self, scope: str, comment: str) -> Schema:
        names = {"400": "InvalidArgument", "429": "TooManyRequests", "default": "Error"}
        # Signing in needs no identity, and fails for want of one.
        names["401"] = "Unauthenticated"
        if scope != PUBLIC:
            names["403"] = "PermissionDenied"
        if self._in_path or "_NOT_FOUND" in comment:
            names["404"] = "NotFound"
        if "_ALREADY_" in comment:
            names["409"] = "AlreadyExists"
        if self._rule.body:
            names["413"] = "BodyTooLarge"
        answer = {
            "description": "What was asked for.",
            "headers": problems.header_references(*problems.TRACE_HEADERS),
            "content": {
                "application/json": {"schema": self._schemas.answer(self._method.output_type)}
            },
        }
        errors = {code: {"$ref": f"#/components/responses/{names[code]}"} for code in sorted(names)}
        return {"200": answer, **errors}


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
