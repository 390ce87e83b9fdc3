"""How errors look in the API: google.rpc.Status, whoever found the error."""

from dataclasses import dataclass
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
LIMIT_HEADERS = (
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
    "RateLimit-Policy",
)
DEPRECATION_HEADERS = ("Deprecation", "Sunset", "Link")
REQUEST_ID = "0198c0de-7a1b-7000-8000-0000000000f1"


def _header(description: str, schema: Schema, example: object) -> Schema:
    return {"description": description, "schema": schema, "example": example}


COUNT: Schema = {"type": "integer", "minimum": 0}
HEADERS: dict[str, Schema] = {
    "x-request-id": _header(
        "The request, in every log line about it. Quote it to support.",
        {"type": "string", "format": "uuid"},
        REQUEST_ID,
    ),
    "x-correlation-id": _header(
        "What the request belongs to: the caller's own, or the request's id.",
        {"type": "string", "maxLength": 64},
        "order-1042-reply",
    ),
    "RateLimit-Limit": _header("Requests a minute that the tenant's plan permits.", COUNT, 600),
    "RateLimit-Remaining": _header("Requests left in the current minute.", COUNT, 597),
    "RateLimit-Reset": _header("Seconds until the current minute ends.", COUNT, 41),
    "RateLimit-Policy": _header(
        "The limit and its window in seconds.", {"type": "string"}, "600;w=60"
    ),
    "Retry-After": _header("Seconds after which to try again.", COUNT, 5),
    "ETag": _header(
        "The version of what was returned, to be sent back as If-Match.",
        {"type": "string"},
        '"1f3a9c5e7b2d4f60a1b2c3d4"',
    ),
    "idempotent-replayed": _header(
        "There, and true, when this is the stored answer to an earlier request with the same "
        "Idempotency-Key.",
        {"const": "true"},
        "true",
    ),
    "Deprecation": _header(
        "Since when this is deprecated, in seconds of Unix time (RFC 9745).",
        {"type": "string"},
        "@1795305600",
    ),
    "Sunset": _header(
        "When this stops working (RFC 8594).", {"type": "string"}, "Sat, 22 May 2027 00:00:00 GMT"
    ),
    "Link": _header(
        "What to call instead.", {"type": "string"}, '</v2/assistants>; rel="successor-version"'
    ),
}


def header_references(*names: str) -> Schema:
    """References to the documented headers."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


@dataclass(frozen=True, slots=True)
class Problem:
    """An error answer that the documents describe."""

    status: str
    code: int
    reason: str
    message: str
    description: str
    headers: tuple[str, ...] = ()
    fields: tuple[tuple[str, str], ...] = ()
    retry_seconds: int | None = None

    def document(self) -> Schema:
        """The response."""
        return {
            "description": self.description,
            "headers": header_references(*TRACE_HEADERS, *self.headers),
            "content": {
                "application/json": {
                    "schema": {"$ref": f"#/components/schemas/{STATUS}"},
                    "example": self.example(),
                }
            },
        }

    def example(self) -> Schema:
        """A body."""
        metadata = {"fields": ", ".join(field for field, _ in self.fields)} if self.fields else {}
        details: list[Schema] = [
            {
                "@type": f"{TYPE}ErrorInfo",
                "reason": self.reason,
                "domain": "malha",
                "metadata": metadata,
            }
        ]
        if self.fields:
            violations = [{"field": name, "description": said} for name, said in self.fields]
            details.append({"@type": f"{TYPE}BadRequest", "fieldViolations": violations})
        if self.retry_seconds is not None:
            delay = f"{self.retry_seconds}s"
            details.append({"@type": f"{TYPE}RetryInfo", "retryDelay": delay})
        details.append({"@type": f"{TYPE}RequestInfo", "requestId": REQUEST_ID})
        return {"code": self.code, "message": self.message, "details": details}


PROBLEMS: dict[str, Problem] = {
    "InvalidArgument": Problem(
        "400",
        3,
        "INVALID_REQUEST",
        "The request has invalid fields: configuration.buffering.quietTme.",
        "The request is not what this document says, and BadRequest says which fields.",
        LIMIT_HEADERS,
        fields=(("configuration.buffering.quietTme", "is no field; did you mean quietTime?"),),
    ),
    "Unauthenticated": Problem(
        "401",
        16,
        "CREDENTIALS_MISSING",
        "Send an API key in x-api-key, or a token in Authorization: Bearer.",
        "No identity was given, or one that is unknown, expired or revoked.",
    ),
    "PermissionDenied": Problem(
        "403",
        7,
        "SCOPE_MISSING",
        "This needs the scope assistants:write, which the caller does not have.",
        "The identity lacks the scope, calls from a network that its key does not allow, or its "
        "tenant is suspended.",
        LIMIT_HEADERS,
    ),
    "NotFound": Problem(
        "404",
        5,
        "ASSISTANT_NOT_FOUND",
        "No assistant has the id 0198c0de-7a1b-7000-8000-0000000000d1.",
        "There is no such thing, or it is another tenant's; ROUTE_NOT_FOUND: no such route.",
        LIMIT_HEADERS,
    ),
    "MethodNotAllowed": Problem(
        "405",
        12,
        "METHOD_NOT_ALLOWED",
        "This route does not take this method.",
        "The path is right and the method is not; the header Allow lists those that are.",
    ),
    "Conflict": Problem(
        "409",
        10,
        "ETAG_MISMATCH",
        "It has changed since it was read: read it again, and send its etag.",
        "There is one already; or it has changed since the etag was read, ETAG_MISMATCH; or the "
        "state of things does not allow it, and the reason says why, e.g. PLAN_LIMIT_REACHED; or "
        "the Idempotency-Key belongs to another request, IDEMPOTENCY_KEY_REUSED.",
        LIMIT_HEADERS,
    ),
    "BodyTooLarge": Problem(
        "413", 3, "BODY_TOO_LARGE", "The body is too large.", "The body is larger than 1 MiB."
    ),
    "UnsupportedMediaType": Problem(
        "415",
        3,
        "MEDIA_TYPE_UNSUPPORTED",
        "The body must be application/json, not compressed.",
        "The body's content-type is not JSON, or it is compressed.",
    ),
    "TooManyRequests": Problem(
        "429",
        8,
        "RATE_LIMIT_REACHED",
        "The plan permits 600 requests a minute; the next are served in 5 s.",
        "A limit is used up.",
        (*LIMIT_HEADERS, "Retry-After"),
        retry_seconds=5,
    ),
    "Unavailable": Problem(
        "503",
        14,
        "SERVICE_UNAVAILABLE",
        "This is not available right now; trying again may help.",
        "Something is not available at the moment; try again, with the same Idempotency-Key.",
        ("Retry-After",),
    ),
    "Error": Problem(
        "default",
        13,
        "INTERNAL",
        "Something went wrong on our side.",
        "Any other error; after 504, try again with the same Idempotency-Key.",
    ),
}
RESPONSES: dict[str, Schema] = {name: problem.document() for name, problem in PROBLEMS.items()}
