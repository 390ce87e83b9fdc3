"""Which request goes where. Only what is named here is reachable."""

from collections.abc import Iterable

from envoy.config.core.v3.base_pb2 import DataSource
from envoy.config.route.v3.route_components_pb2 import (
    DirectResponseAction,
    FilterConfig,
    HeaderMatcher,
    RetryPolicy,
    Route,
    RouteAction,
    RouteMatch,
    VirtualHost,
)
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.retry.host.previous_hosts.v3.previous_hosts_pb2 import PreviousHostsPredicate
from envoy.type.matcher.v3.string_pb2 import StringMatcher
from google.protobuf.struct_pb2 import Struct

from envoyconf.contracts import RPC
from envoyconf.filters import BUFFER, ORIGINAL_PATH, TRANSCODER, set_header, webhook_buffer
from envoyconf.mesh import EDGE
from envoyconf.values import seconds, uint, wrap

READ_TIMEOUT = 15
WRITE_TIMEOUT = 30
WEBHOOK_TIMEOUT = 20
WEB_TIMEOUT = 60
LONGEST_CALL = 300

NOTHING_WAS_SENT = "connect-failure,refused-stream,reset-before-request"
REPEATABLE = f"{NOTHING_WAS_SENT},reset,unavailable"


def rest_routes(rpcs: Iterable[RPC]) -> RouteConfiguration:
    """REST: the public RPCs, and everything that is the edge's."""
    public = [rpc for rpc in rpcs if rpc.rules]
    versions = sorted({rpc.version for rpc in public})
    return _configuration(
        "rest",
        [
            *(_transcoded(rpc) for rpc in public),
            *(_nothing_but_rpcs(version) for version in versions),
            _webhooks(),
            _websocket(),
            _web(),
        ],
    )


def grpc_routes(rpcs: Iterable[RPC]) -> RouteConfiguration:
    """gRPC: every RPC; each service itself says who may call what."""
    rpcs = list(rpcs)
    repeatable = [
        _call(f"{rpc.service}.{rpc.name}", RouteMatch(path=rpc.path), rpc.cluster, REPEATABLE)
        for rpc in rpcs
        if rpc.repeatable
    ]
    others = [
        _call(name, RouteMatch(prefix=f"/malha.{name}."), name, NOTHING_WAS_SENT)
        for name in sorted({rpc.cluster for rpc in rpcs})
    ]
    return _configuration("grpc", [*repeatable, *others])


def _configuration(name: str, routes: list[Route]) -> RouteConfiguration:
    host = VirtualHost(name=name, domains=["*"], routes=routes)
    return RouteConfiguration(name=name, virtual_hosts=[host])


def _transcoded(rpc: RPC) -> Route:
    timeout = READ_TIMEOUT if rpc.repeatable else WRITE_TIMEOUT
    route = Route(
        name=f"{rpc.service}.{rpc.name}",
        # The header proves that the path came out of the transcoder: nobody calls gRPC here.
        match=RouteMatch(
            path=rpc.path, headers=[HeaderMatcher(name=ORIGINAL_PATH, present_match=True)]
        ),
        route=RouteAction(
            cluster=rpc.cluster,
            timeout=seconds(timeout),
            retry_policy=_retries(REPEATABLE if rpc.repeatable else NOTHING_WAS_SENT),
        ),
    )
    # A service that knows the deadline stops working for somebody who has left.
    route.request_headers_to_add.append(set_header("grpc-timeout", f"{timeout}S"))
    route.response_headers_to_add.append(set_header("cache-control", "no-store"))
    return route


def _nothing_but_rpcs(version: str) -> Route:
    # The transcoder refuses what it does not know, except gRPC requests, which it lets pass.
    return Route(
        name=f"{version}-unknown",
        match=RouteMatch(prefix=f"/{version}/"),
        direct_response=DirectResponseAction(
            status=404, body=DataSource(inline_string="No such route.")
        ),
    )


def _webhooks() -> Route:
    # A provider repeats what failed; repeating it here as well would only double the load.
    route = _edge("webhooks", "/webhooks/", WEBHOOK_TIMEOUT)
    route.route.retry_policy.CopyFrom(_retries(NOTHING_WAS_SENT))
    route.typed_per_filter_config[BUFFER].CopyFrom(webhook_buffer())
    return route


def _websocket() -> Route:
    route = _edge("websocket", "/", timeout=0)
    route.match.headers.append(
        HeaderMatcher(
            name="upgrade", string_match=StringMatcher(exact="websocket", ignore_case=True)
        )
    )
    route.route.upgrade_configs.append(RouteAction.UpgradeConfig(upgrade_type="websocket"))
    return route


def _web() -> Route:
    route = _edge("web", "/", WEB_TIMEOUT)
    route.route.retry_policy.CopyFrom(_retries(NOTHING_WAS_SENT))
    return route


def _edge(name: str, prefix: str, timeout: float) -> Route:
    route = Route(
        name=name,
        match=RouteMatch(prefix=prefix),
        route=RouteAction(cluster=EDGE, timeout=seconds(timeout)),
    )
    off = FilterConfig(disabled=True, config=wrap(Struct()))
    route.typed_per_filter_config[TRANSCODER].CopyFrom(wrap(off))
    return route


def _call(name: str, match: RouteMatch, cluster: str, retry_on: str) -> Route:
    return Route(
        name=name,
        match=match,
        route=RouteAction(
            cluster=cluster,
            # The caller's own deadline holds, within reason.
            timeout=seconds(0),
            max_stream_duration=RouteAction.MaxStreamDuration(
                max_stream_duration=seconds(WRITE_TIMEOUT),
                grpc_timeout_header_max=seconds(LONGEST_CALL),
            ),
            retry_policy=_retries(retry_on),
        ),
    )


def _retries(retry_on: str) -> RetryPolicy:
    elsewhere = RetryPolicy.RetryHostPredicate(
        name="envoy.retry_host_predicates.previous_hosts",
        typed_config=wrap(PreviousHostsPredicate()),
    )
    return RetryPolicy(
        retry_on=retry_on,
        num_retries=uint(3),
        retry_back_off=RetryPolicy.RetryBackOff(
            base_interval=seconds(0.05), max_interval=seconds(0.5)
        ),
        retry_host_predicate=[elsewhere],
        host_selection_retry_max_attempts=3,
    )
