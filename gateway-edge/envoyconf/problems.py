"""How errors look in the API: google.rpc.Status, whoever found the error."""

from typing import Any

Schema = dict[str, Any]

TYPE = "type.googleapis.com/google.rpc."
STATUS = "google.rpc.Status"


def _detail(name: str, description: str, properties: dict[str, Schema]) -> Schema:
    return {
        "type": "object",
        "description": description,
        "required": ["@type", *properties],
        "properties": {"@type": {"const": TYPE + name}, **properties},
    }


def _text(description: str) -> Schema:
    return {"type": "string", "description": description}


SCHEMAS: dict[str, Schema] = {
    STATUS: {
        "type": "object",
        "description": "An error.",
        "required": ["code", "message", "details"],
        "properties": {
            "code": {
                "type": "integer",
                "format": "int32",
                "description": "The gRPC code, e.g. 5 for NOT_FOUND.",
            },
            "message": _text("For people who read logs; not to be shown to customers, nor parsed."),
            "details": {
                "type": "array",
                "description": "What programs need to know.",
                "items": {
                    "anyOf": [
                        {"$ref": f"#/components/schemas/google.rpc.{name}"}
                        for name in ("ErrorInfo", "BadRequest", "RequestInfo", "RetryInfo")
                    ]
                },
            },
        },
    },
    "google.rpc.ErrorInfo": _detail(
        "ErrorInfo",
        "Which error it is. Every error has one.",
        {
            "reason": _text(
                "Stable: what programs tell errors apart by, e.g. ASSISTANT_NOT_FOUND."
            ),
            "domain": _text("Always malha."),
        },
    ),
    "google.rpc.BadRequest": _detail(
        "BadRequest",
        "Which fields are at fault.",
        {
            "fieldViolations": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["field", "description"],
                    "properties": {
                        "field": _text("Path of the field, e.g. models[0]."),
                        "description": _text("What was expected."),
                    },
                },
            }
        },
    ),
    "google.rpc.RequestInfo": {
        "type": "object",
        "description": "What to quote to support.",
        "required": ["@type"],
        "properties": {
            "@type": {"const": TYPE + "RequestInfo"},
            "requestId": _text("The same as the header x-request-id."),
        },
    },
    "google.rpc.RetryInfo": _detail(
        "RetryInfo",
        "When trying again may help.",
        {"retryDelay": _text("How long to wait, e.g. 2s.")},
    ),
}
SCHEMAS["google.rpc.ErrorInfo"]["properties"]["metadata"] = {
    "type": "object",
    "additionalProperties": {"type": "string"},
    "description": "The values in the message.",
}

TRACE_HEADERS = ("x-request-id", "x-correlation-id")
LIMIT_HEADERS = ("RateLimit", "RateLimit-Policy", "Retry-After")
HEADERS: dict[str, Schema] = {
    "x-request-id": {
        "description": "The request, in every log line about it.",
        "schema": {"type": "string", "format": "uuid"},
    },
    "x-correlation-id": {
        "description": "What the request belongs to: the caller's own, or the request's id.",
        "schema": {"type": "string", "maxLength": 64},
    },
    "RateLimit": {
        "description": 'What is left of the tenant\'s limit, e.g. "default";r=9;t=12.',
        "schema": {"type": "string"},
    },
    "RateLimit-Policy": {
        "description": 'The tenant\'s limit, e.g. "default";q=600;w=60.',
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "description": "Seconds after which to try again.",
        "schema": {"type": "integer", "minimum": 0},
    },
}


def _response(description: str, *headers: str) -> Schema:
    return {
        "description": description,
        "headers": header_references(*TRACE_HEADERS, *headers),
        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{STATUS}"}}},
    }


def header_references(*names: str) -> Schema:
    """References to the documented headers."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


RESPONSES: dict[str, Schema] = {
    "InvalidArgument": _response("The request is not valid; BadRequest says which fields."),
    "Unauthenticated": _response("No identity was given, or none that is known."),
    "PermissionDenied": _response("The identity lacks the scope, or its tenant is suspended."),
    "NotFound": _response("There is no such thing, or it is another tenant's."),
    "AlreadyExists": _response("There is one already."),
    "BodyTooLarge": _response("The body is larger than 1 MiB."),
    "TooManyRequests": _response("The tenant's limit is used up.", *LIMIT_HEADERS),
    "Error": _response("Any other error; on 503 and 504 trying again may help."),
}
