"""Which request goes where. Only what is named here is reachable."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from email.utils import format_datetime

from envoy.config.core.v3.base_pb2 import DataSource
from envoy.config.route.v3.route_components_pb2 import (
    DirectResponseAction,
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

from envoyconf import refusals
from envoyconf.contracts import RPC, Deprecation
from envoyconf.filters import (
    ANSWERS,
    BUFFER,
    CHECK,
    ORIGINAL_PATH,
    TRANSCODER,
    check_bodies,
    finish_answers,
    set_header,
    webhook_buffer,
)
from envoyconf.mesh import EDGE
from envoyconf.templates import templates_of
from envoyconf.values import seconds, uint, wrap

READ_TIMEOUT = 15
WRITE_TIMEOUT = 30
WEBHOOK_TIMEOUT = 20
WEB_TIMEOUT = 60
LONGEST_CALL = 300

WITH_BODY = frozenset({"PATCH", "POST", "PUT"})

NOTHING_WAS_SENT = "connect-failure,refused-stream,reset-before-request"
REPEATABLE = f"{NOTHING_WAS_SENT},reset,unavailable"


def rest_routes(rpcs: Iterable[RPC]) -> RouteConfiguration:
    """REST: the public RPCs, and everything that is the edge's."""
    public = [rpc for rpc in rpcs if rpc.rules]
    by_version: dict[str, list[RPC]] = {}
    for rpc in public:
        by_version.setdefault(rpc.version, []).append(rpc)
    return _configuration(
        "rest",
        [
            *(_transcoded(rpc) for rpc in public),
            *(route for item in sorted(by_version.items()) for route in _version(*item)),
            refusals.inside(),
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
    # A service that knows the deadline stops working for somebody who has left. A second later
    # than Envoy's own, so that it is Envoy that answers, and in full.
    route.request_headers_to_add.append(set_header("grpc-timeout", f"{timeout + 1}S"))
    route.response_headers_to_add.append(set_header("cache-control", "no-store"))
    if rpc.deprecation:
        for name, value in deprecation_headers(rpc.deprecation).items():
            route.response_headers_to_add.append(set_header(name, value))
    return route


def deprecation_headers(deprecation: Deprecation) -> dict[str, str]:
    """What every answer of an RPC says that will be switched off (RFC 9745, RFC 8594)."""
    headers = {
        "deprecation": f"@{_midnight(deprecation.since).timestamp():.0f}",
        "sunset": format_datetime(_midnight(deprecation.sunset), usegmt=True),
    }
    if deprecation.successor:
        headers["link"] = f'<{deprecation.successor}>; rel="successor-version"'
    return headers


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _version(version: str, rpcs: list[RPC]) -> Iterator[Route]:
    """What becomes of a request before the transcoder has looked at it."""
    templates = templates_of(rpcs)
    yield refusals.not_text(version)
    special = [template for template in templates if template.shadows]
    yield from refusals.other_methods(f"{version}-special", special)
    for method in sorted({method for template in templates for method in template.methods}):
        taking = [template for template in templates if method in template.methods]
        name = f"{version}-{method.lower()}"
        if method in WITH_BODY:
            yield from refusals.not_json(name, refusals.paths(taking, method))
        yield _before_transcoding(name, refusals.paths(taking, method), method)
    yield from refusals.other_methods(version, templates)
    yield refusals.unknown(version)


def _before_transcoding(name: str, match: RouteMatch, method: str) -> Route:
    # The transcoder changes the path, and with it the route: what it does not change gets this
    # answer, for instance a gRPC request.
    route = Route(
        name=name,
        match=match,
        direct_response=DirectResponseAction(
            status=refusals.NO_ROUTE, body=DataSource(inline_string="-")
        ),
    )
    route.typed_per_filter_config[ANSWERS].CopyFrom(finish_answers())
    if method in WITH_BODY:
        route.typed_per_filter_config[CHECK].CopyFrom(check_bodies())
    return route


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
    route.typed_per_filter_config[TRANSCODER].CopyFrom(refusals.off())
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
