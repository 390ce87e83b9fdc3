"""What Envoy itself answers: the same google.rpc.Status that services answer with."""

from dataclasses import dataclass

from envoy.config.accesslog.v3.accesslog_pb2 import ComparisonFilter, StatusCodeFilter
from envoy.config.core.v3.base_pb2 import DataSource, HeaderValue, RuntimeUInt32
from envoy.config.core.v3.substitution_format_string_pb2 import SubstitutionFormatString
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as hcm,
)
from google.protobuf.json_format import ParseDict
from google.rpc import code_pb2

DOMAIN = "malha"
TYPE = "type.googleapis.com/google.rpc."


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that Envoy refuses."""

    http: int
    code: int
    reason: str
    message: str


RETRY_SECONDS = "1"
UNAVAILABLE = "This is not available right now; trying again may help."
# What Envoy would say of itself names sockets and resets: only the log is told.
REFUSALS = (
    Refusal(
        400,
        code_pb2.INVALID_ARGUMENT,
        "REQUEST_INVALID",
        "The request is not valid. %LOCAL_REPLY_BODY%",
    ),
    Refusal(403, code_pb2.PERMISSION_DENIED, "FORBIDDEN", "This is not allowed."),
    Refusal(404, code_pb2.NOT_FOUND, "ROUTE_NOT_FOUND", "There is no such route."),
    Refusal(
        405, code_pb2.UNIMPLEMENTED, "METHOD_NOT_ALLOWED", "This route does not take this method."
    ),
    Refusal(408, code_pb2.DEADLINE_EXCEEDED, "REQUEST_TOO_SLOW", "The request took too long."),
    Refusal(413, code_pb2.INVALID_ARGUMENT, "BODY_TOO_LARGE", "The body is too large."),
    Refusal(
        415,
        code_pb2.INVALID_ARGUMENT,
        "MEDIA_TYPE_UNSUPPORTED",
        "The body must be application/json, not compressed.",
    ),
    Refusal(426, code_pb2.INVALID_ARGUMENT, "PROTOCOL_TOO_OLD", "HTTP/1.1 or newer is needed."),
    Refusal(429, code_pb2.RESOURCE_EXHAUSTED, "TOO_MANY_REQUESTS", "Too many requests."),
    Refusal(431, code_pb2.INVALID_ARGUMENT, "HEADERS_TOO_LARGE", "The headers are too large."),
    Refusal(500, code_pb2.INTERNAL, "INTERNAL", "Something went wrong on our side."),
    Refusal(502, code_pb2.UNAVAILABLE, "SERVICE_UNAVAILABLE", UNAVAILABLE),
    Refusal(503, code_pb2.UNAVAILABLE, "SERVICE_UNAVAILABLE", UNAVAILABLE),
    Refusal(504, code_pb2.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED", "There was not enough time."),
)


def local_replies() -> hcm.LocalReplyConfig:
    """Bodies of the answers that no service gave."""
    return hcm.LocalReplyConfig(
        mappers=[_as_judged(), _empty(), *(_mapper(refusal) for refusal in REFUSALS)],
        # Whatever Envoy may think of next is still JSON.
        body_format=_body(Refusal(0, code_pb2.UNKNOWN, "REFUSED", "The request was refused.")),
    )


def json_format(fields: dict[str, object]) -> SubstitutionFormatString:
    """A JSON object with Envoy's placeholders in it."""
    return ParseDict({"json_format": fields, "omit_empty_values": True}, SubstitutionFormatString())


def _as_judged() -> hcm.ResponseMapper:
    # What the edge says of a body is the whole answer already.
    mapper = hcm.ResponseMapper(
        body_format_override=SubstitutionFormatString(
            text_format_source=DataSource(inline_string="%LOCAL_REPLY_BODY%"),
            content_type="application/json",
        )
    )
    mapper.filter.response_flag_filter.flags.append("UAEX")
    return mapper


def _empty() -> hcm.ResponseMapper:
    mapper = hcm.ResponseMapper(
        body_format_override=SubstitutionFormatString(
            text_format_source=DataSource(inline_string="%LOCAL_REPLY_BODY%")
        )
    )
    mapper.filter.status_code_filter.CopyFrom(_status(204))
    return mapper


def _mapper(refusal: Refusal) -> hcm.ResponseMapper:
    mapper = hcm.ResponseMapper(body_format_override=_body(refusal))
    mapper.filter.status_code_filter.CopyFrom(_status(refusal.http))
    if refusal.http in (429, 503):
        soon = HeaderValue(key="retry-after", value=RETRY_SECONDS)
        mapper.headers_to_add.add(header=soon)
    return mapper


def _status(code: int) -> StatusCodeFilter:
    return StatusCodeFilter(
        comparison=ComparisonFilter(
            op=ComparisonFilter.EQ,
            value=RuntimeUInt32(default_value=code, runtime_key=f"malha.refusal.{code}"),
        )
    )


def _body(refusal: Refusal) -> SubstitutionFormatString:
    return json_format(
        {
            "code": refusal.code,
            "message": refusal.message,
            "details": [
                {"@type": TYPE + "ErrorInfo", "reason": refusal.reason, "domain": DOMAIN},
                {"@type": TYPE + "RequestInfo", "requestId": "%REQ(X-REQUEST-ID)%"},
            ],
        }
    )
