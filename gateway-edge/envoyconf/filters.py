"""What happens to a request on its way through Envoy."""

from pathlib import Path

from envoy.config.accesslog.v3.accesslog_pb2 import AccessLog
from envoy.config.core.v3.base_pb2 import DataSource, HeaderValue, HeaderValueOption
from envoy.config.core.v3.config_source_pb2 import ApiVersion
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.config.core.v3.http_uri_pb2 import HttpUri
from envoy.config.route.v3.route_components_pb2 import FilterConfig
from envoy.extensions.access_loggers.stream.v3.stream_pb2 import StdoutAccessLog
from envoy.extensions.filters.http.buffer.v3.buffer_pb2 import Buffer, BufferPerRoute
from envoy.extensions.filters.http.ext_authz.v3.ext_authz_pb2 import (
    AuthorizationRequest,
    AuthorizationResponse,
    BufferSettings,
    CheckSettings,
    ExtAuthz,
    ExtAuthzPerRoute,
    HttpService,
)
from envoy.extensions.filters.http.grpc_json_transcoder.v3.transcoder_pb2 import GrpcJsonTranscoder
from envoy.extensions.filters.http.header_mutation.v3.header_mutation_pb2 import HeaderMutation
from envoy.extensions.filters.http.lua.v3.lua_pb2 import Lua, LuaPerRoute
from envoy.extensions.filters.http.router.v3.router_pb2 import Router
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as hcm,
)
from envoy.extensions.http.early_header_mutation.header_mutation.v3 import (
    header_mutation_pb2 as early,
)
from envoy.type.matcher.v3.string_pb2 import ListStringMatcher, StringMatcher
from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message

from envoyconf.mesh import EDGE
from envoyconf.replies import json_format
from envoyconf.values import MIB, seconds, uint, wrap

BUFFER = "envoy.filters.http.buffer"
CHECK = "envoy.filters.http.ext_authz"
ANSWERS = "envoy.filters.http.lua"
TRANSCODER = "envoy.filters.http.grpc_json_transcoder"
HEADERS = "envoy.filters.http.header_mutation"
ROUTER = "envoy.filters.http.router"

MAX_BODY = 1 * MIB
MAX_WEBHOOK_BODY = 4 * MIB
MAX_ANSWER = 16 * MIB

ANSWERS_SCRIPT = Path(__file__).with_name("answers.lua")

ORIGINAL_PATH = "x-envoy-original-path"
"""Set by the transcoder: the path as the client wrote it."""
CORRELATION = "x-correlation-id"
CHECK_PATH = "/_check"
"""Where the edge judges bodies; nobody outside reaches it."""
CHECK_HEADER = "x-malha-check"
"""Only Envoy can set it: from outside, the whole prefix is stripped."""
CHECK_TIMEOUT = 1

# No service believes any of these, and none shall be tempted to.
SPOOFABLE_PREFIXES = (
    "x-actor-",
    "x-internal-",
    "x-malha-",
    "x-mesh-",
    "x-tenant-",
    "x-user-",
    "x-workspace-",
)
SPOOFABLE = (ORIGINAL_PATH, "x-envoy-original-method", "x-tenant", "x-user", "x-workspace")
# The trace begins here: a stranger's would join ours with anybody's.
FOREIGN_TRACE = ("traceparent", "tracestate", "baggage", "b3")

NO_GRPC_NAME = r"[^:].*[^0-9a-z_.-].*|[^:0-9a-z_.-].*"
"""Header names that gRPC refuses; those of HTTP/2's own, as :path, are not among them."""

GRPC_ANSWER_HEADERS = (
    "grpc-status",
    "grpc-message",
    "grpc-status-details-bin",
    "grpc-encoding",
    "grpc-accept-encoding",
)


def websocket_filters() -> list[hcm.HttpFilter]:
    """WebSockets: they have no end, so they must not meet a filter that waits for one."""
    return [_filter(HEADERS, _header_hygiene()), router()]


def rest_filters(services: list[str], descriptors: bytes) -> list[hcm.HttpFilter]:
    """REST and web: answers lose their gRPC headers, bodies have a limit, JSON becomes gRPC."""
    return [
        # First in the list is last for answers: it sees what the transcoder made of them.
        _filter(HEADERS, _header_hygiene()),
        _filter(BUFFER, Buffer(max_request_bytes=uint(MAX_BODY))),
        _answers(),
        _check(),
        _filter(TRANSCODER, _transcoder(services, descriptors)),
        router(),
    ]


def grpc_filters() -> list[hcm.HttpFilter]:
    """gRPC: answers go through as they are."""
    mutation = HeaderMutation()
    _correlate(mutation)
    return [_filter(HEADERS, mutation), router()]


def router() -> hcm.HttpFilter:
    """Sends the request to its cluster."""
    return _filter(ROUTER, Router(suppress_envoy_headers=True))


def webhook_buffer() -> Any:
    """The body limit of webhooks, for a route."""
    return wrap(BufferPerRoute(buffer=Buffer(max_request_bytes=uint(MAX_WEBHOOK_BODY))))


def check_bodies() -> Any:
    """Has the bodies of a route judged."""
    return wrap(FilterConfig(config=wrap(ExtAuthzPerRoute(check_settings=CheckSettings()))))


def finish_answers() -> Any:
    """Has what the transcoder made of a route's answers finished (answers.lua)."""
    return wrap(FilterConfig(config=wrap(LuaPerRoute(name="answers"))))


def strip_spoofable_headers(*, grpc: bool) -> TypedExtensionConfig:
    """Removes, before anything looks at the request, headers that only we may set."""
    mutation = early.HeaderMutation()
    for name in (*SPOOFABLE, *FOREIGN_TRACE):
        mutation.mutations.add(remove=name)
    for prefix in SPOOFABLE_PREFIXES:
        mutation.mutations.add().remove_on_match.key_matcher.prefix = prefix
    if not grpc:
        # To gRPC these speak of encoding and deadlines, and -bin must be base64: a REST caller can
        # only break its own request with them, in ways that look like our fault.
        mutation.mutations.add().remove_on_match.key_matcher.prefix = "grpc-"
        mutation.mutations.add().remove_on_match.key_matcher.suffix = "-bin"
        # HTTP has more characters for a header's name than gRPC, which would fail for them.
        mutation.mutations.add().remove_on_match.key_matcher.safe_regex.regex = NO_GRPC_NAME
    return TypedExtensionConfig(name="strip-spoofable-headers", typed_config=wrap(mutation))


def access_log(*, grpc: bool) -> AccessLog:
    """One JSON line for each request. No query string: search words are what people wrote."""
    fields: dict[str, object] = {
        "timestamp": "%START_TIME%",
        "logger": "envoy.access",
        "event": "request",
        "request_id": "%REQ(X-REQUEST-ID)%",
        "correlation_id": "%REQ(X-CORRELATION-ID):64%",
        "method": "%REQ(X-ENVOY-ORIGINAL-METHOD?:METHOD):16%",
        "path": "%PATH(NQ:ORIG_OR_PATH):256%",
        "rpc": "%PATH(NQ:PATH):256%",
        "status": "%RESPONSE_CODE%",
        "flags": "%RESPONSE_FLAGS%",
        "details": "%RESPONSE_CODE_DETAILS%",
        "milliseconds": "%DURATION%",
        "bytes_in": "%BYTES_RECEIVED%",
        "bytes_out": "%BYTES_SENT%",
        "cluster": "%UPSTREAM_CLUSTER%",
        "address": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
    }
    if grpc:
        fields["grpc_status"] = "%GRPC_STATUS(SNAKE_STRING)%"
    log = StdoutAccessLog(log_format=json_format(fields))
    return AccessLog(name="envoy.access_loggers.stdout", typed_config=wrap(log))


def set_header(name: str, value: str) -> HeaderValueOption:
    """A header in place of whatever was there."""
    return HeaderValueOption(
        header=HeaderValue(key=name, value=value),
        append_action=HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD,
    )


def _header_hygiene() -> HeaderMutation:
    mutation = HeaderMutation()
    _correlate(mutation)
    for name in GRPC_ANSWER_HEADERS:
        mutation.mutations.response_mutations.add(remove=name)
        mutation.mutations.response_trailers_mutations.add(remove=name)
    mutation.mutations.response_mutations.add(
        append=set_header("x-content-type-options", "nosniff")
    )
    return mutation


def _correlate(mutation: HeaderMutation) -> None:
    # The caller's own id, cut to what a service accepts; without one, the request's.
    mutation.mutations.request_mutations.add(
        append=set_header(CORRELATION, "%REQ(X-CORRELATION-ID?X-REQUEST-ID):64%")
    )
    # A service says it itself: it takes over no id that it could not log.
    mutation.mutations.response_mutations.add(
        append=HeaderValueOption(
            header=HeaderValue(key=CORRELATION, value="%REQ(X-CORRELATION-ID)%"),
            append_action=HeaderValueOption.ADD_IF_ABSENT,
        )
    )


def _check() -> hcm.HttpFilter:
    # The transcoder drops what it does not know without a word (envoy#46623), so the edge reads
    # every body first. That is a courtesy: services judge what arrives, so without the edge
    # requests pass.
    check = ExtAuthz(
        transport_api_version=ApiVersion.V3,
        http_service=HttpService(
            server_uri=HttpUri(uri="http://edge", cluster=EDGE, timeout=seconds(CHECK_TIMEOUT)),
            path_prefix=CHECK_PATH,
            authorization_request=AuthorizationRequest(
                headers_to_add=[HeaderValue(key=CHECK_HEADER, value="1")]
            ),
            authorization_response=AuthorizationResponse(
                allowed_client_headers=_names("content-type")
            ),
        ),
        allowed_headers=_names("x-request-id"),
        with_request_body=BufferSettings(max_request_bytes=MAX_BODY),
        failure_mode_allow=True,
        stat_prefix="bodies",
    )
    return hcm.HttpFilter(name=CHECK, typed_config=wrap(check), disabled=True)


def _answers() -> hcm.HttpFilter:
    script = DataSource(inline_string=ANSWERS_SCRIPT.read_text())
    # By name for the route that switches it on; and as the default, since the transcoder has
    # changed the route by the time there is an answer.
    lua = Lua(default_source_code=script, source_codes={"answers": script})
    return hcm.HttpFilter(name=ANSWERS, typed_config=wrap(lua), disabled=True)


def _names(*names: str) -> ListStringMatcher:
    return ListStringMatcher(patterns=[StringMatcher(exact=name) for name in names])


def _transcoder(services: list[str], descriptors: bytes) -> GrpcJsonTranscoder:
    return GrpcJsonTranscoder(
        proto_descriptor_bin=descriptors,
        services=services,
        convert_grpc_status=True,
        case_insensitive_enum_parsing=True,
        query_param_unescape_plus=True,
        match_unregistered_custom_verb=True,
        url_unescape_spec=GrpcJsonTranscoder.ALL_CHARACTERS_EXCEPT_SLASH,
        print_options=GrpcJsonTranscoder.PrintOptions(always_print_primitive_fields=True),
        request_validation_options=GrpcJsonTranscoder.RequestValidationOptions(
            reject_unknown_method=True,
            reject_unknown_query_parameters=True,
            reject_binding_body_field_collisions=True,
        ),
        max_request_body_size=uint(MAX_BODY),
        max_response_body_size=uint(MAX_ANSWER),
    )


def _filter(name: str, config: Message) -> hcm.HttpFilter:
    return hcm.HttpFilter(name=name, typed_config=wrap(config))
