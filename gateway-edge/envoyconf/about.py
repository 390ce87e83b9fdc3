"""What the OpenAPI documents say of every call."""

from typing import Any

Schema = dict[str, Any]

IDEMPOTENCY_KEY = "Idempotency-Key"
IF_MATCH = "If-Match"

ABOUT = """\
Malha's API. Each call is also a gRPC method; `x-rpc` names it. How versions, limits and errors \
work in full: [the API's policy](/docs/policy).

**Identity.** An API key in `x-api-key`, or a person's token as `Authorization: Bearer …`. The \
scope that a call needs, and the roles that hold it, stand at the call. Without the scope: 403.

**Errors** are `google.rpc.Status`. Tell them apart by `reason` in their `ErrorInfo`; quote the \
`requestId` to support. `BadRequest` names each field at fault by its path in JSON. Ids that do \
not exist and ids of other tenants look the same: 404. A path that is right with a method that is \
not: 405, with `Allow`.

**JSON** is Protobuf's: camelCase names (snake_case is accepted), 64-bit numbers as strings, \
bytes as base64, spans of time as `"3.5s"`, enums by name. `null` says the same as leaving a \
field out. Answers hold every plain field, empty or not; unset objects and times are left out. \
New fields may appear in answers at any time: ignore those that you do not know.

**What is not known is refused.** A field or a query parameter that the API does not know, a name \
that is there twice, or a value of the wrong type is answered with 400, which says where, and for \
a misspelt field which name is near. No body at all is the same as `{}`.

**Updates** change what is sent: a field that is absent stays as it is, an empty one is cleared. \
Send the `etag` that you read, in the body or as `If-Match`, and an update never overwrites \
another's: 409, `ETAG_MISMATCH`. Without one, the last update counts.

**Sending again.** With an `Idempotency-Key`, a write that is sent again within 24 hours is done \
once, also when both run at the same time, and the first answer comes back byte for byte, with \
`idempotent-replayed: true`. Only answers that succeeded are kept. The same key with another \
request: 409, `IDEMPOTENCY_KEY_REUSED`. Keys belong to the API key or person that sent them.

**Pages.** Lists return at most `pageSize` items (50 by default, 200 at the most) and a \
`nextPageToken`, empty on the last page. A token belongs to the query it came with: send the same \
filters and order. Filters narrow together. `orderBy` takes the values that stand at the list.

**Limits.** A plan permits so many requests a minute, of all keys and people of a tenant \
together; `RateLimit-Limit`, `RateLimit-Remaining`, `RateLimit-Reset` and `RateLimit-Policy` tell \
what is left, and above it the answer is 429 with `Retry-After`. `GET /v1/tenant/usage` shows all \
limits of the plan, and what is used. Bodies are at most 1 MiB of JSON (413, 415) and 32 levels \
deep, headers together 32 KiB and 100 (431). A read has 15 seconds and a write 30 (504).

**Tracing.** `x-request-id` names each answer. `x-correlation-id` is taken over into logs and \
events, and returned.
"""


def parameters() -> dict[str, Schema]:
    """The headers that many calls take."""
    return {
        IDEMPOTENCY_KEY: {
            "name": IDEMPOTENCY_KEY,
            "in": "header",
            "description": "Makes it safe to send this again: the same key and request within 24 "
            "hours is done once, and answered the same. A new key for each request, e.g. a UUID.",
            "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
            "example": "4f1c2a9e-5b0d-4c55-9a53-1d3a0c7f6e21",
        },
        IF_MATCH: {
            "name": IF_MATCH,
            "in": "header",
            "description": "The etag that was read: refuses to overwrite what has changed since. "
            "The field `etag` says the same.",
            "schema": {"type": "string", "pattern": '^(\\*|"?[!#-~]{1,64}"?)?$'},
            "example": '"1f3a9c5e7b2d4f60a1b2c3d4"',
        },
        "x-correlation-id": {
            "name": "x-correlation-id",
            "in": "header",
            "description": "Leads through everything that follows from the request: 8 to 64 "
            "letters, digits, points, dashes and underscores. Anything else is replaced by the "
            "request's id.",
            "schema": {"type": "string"},
            "example": "order-1042-reply",
        },
    }
