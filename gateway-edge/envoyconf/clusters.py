"""Where requests go: one cluster for each service, one for the edge."""

from dataclasses import dataclass

from envoy.config.cluster.v3.circuit_breaker_pb2 import CircuitBreakers
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.cluster.v3.outlier_detection_pb2 import OutlierDetection
from envoy.config.core.v3 import address_pb2
from envoy.config.core.v3.health_check_pb2 import HealthCheck
from envoy.config.core.v3.protocol_pb2 import (
    Http1ProtocolOptions,
    Http2ProtocolOptions,
    HttpProtocolOptions,
    KeepaliveSettings,
)
from envoy.config.endpoint.v3.endpoint_components_pb2 import (
    Endpoint,
    LbEndpoint,
    LocalityLbEndpoints,
)
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.extensions.upstreams.http.v3 import http_protocol_options_pb2 as upstream
from envoy.type.v3.percent_pb2 import Percent

from envoyconf.mesh import ECHO, EDGE, Address, Mesh
from envoyconf.values import seconds, uint, wrap

ADMIN = "admin"
HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


@dataclass(frozen=True, slots=True)
class Pace:
    """How quickly a cluster notices that somebody is gone, or back. In seconds."""

    check: float
    check_timeout: float
    unhealthy_after: int
    ejection: float


# One process behind a socket: nobody else could take its requests, so what counts is to notice at
# once that it is back.
NEAR = Pace(check=0.5, check_timeout=1, unhealthy_after=2, ejection=0.5)
FAR = Pace(check=5, check_timeout=2, unhealthy_after=2, ejection=5)


def clusters(mesh: Mesh) -> list[Cluster]:
    """Every cluster of a mesh."""
    made = [
        grpc_cluster(name, mesh.address(name)) for name in sorted(mesh.clusters.keys() - {EDGE})
    ]
    made.append(edge_cluster(mesh.address(EDGE)))
    if mesh.extra.echo:
        made.append(grpc_cluster(ECHO, Address.parse(mesh.extra.echo)))
    if mesh.metrics_port:
        made.append(_cluster(ADMIN, Address("", 0, mesh.admin_socket)))
    return made


def grpc_cluster(name: str, address: Address) -> Cluster:
    """A service: HTTP/2, watched by gRPC health checks."""
    pace = FAR if address.is_name else NEAR
    http2 = Http2ProtocolOptions(max_concurrent_streams=uint(1000))
    if address.is_name:
        # Without pings, the connection to a node that vanished looks alive for minutes.
        http2.connection_keepalive.CopyFrom(
            KeepaliveSettings(interval=seconds(30), timeout=seconds(5))
        )
    cluster = _cluster(name, address)
    cluster.health_checks.append(
        HealthCheck(
            timeout=seconds(pace.check_timeout),
            interval=seconds(pace.check),
            # Their default is a minute, for clusters that nobody has asked anything yet.
            no_traffic_interval=seconds(pace.check),
            no_traffic_healthy_interval=seconds(pace.check),
            unhealthy_threshold=uint(pace.unhealthy_after),
            healthy_threshold=uint(1),
            grpc_health_check=HealthCheck.GrpcHealthCheck(),
        )
    )
    options = upstream.HttpProtocolOptions()
    options.explicit_http_config.http2_protocol_options.CopyFrom(http2)
    cluster.typed_extension_protocol_options[HTTP_OPTIONS].CopyFrom(wrap(options))
    return cluster


def edge_cluster(address: Address) -> Cluster:
    """The web edge: HTTP/1.1, because of its WebSockets."""
    options = upstream.HttpProtocolOptions(
        # Shorter than Sanic keeps an idle connection, or a request meets one that is just closing.
        common_http_protocol_options=HttpProtocolOptions(idle_timeout=seconds(15))
    )
    options.explicit_http_config.http_protocol_options.CopyFrom(Http1ProtocolOptions())
    cluster = _cluster(EDGE, address)
    cluster.typed_extension_protocol_options[HTTP_OPTIONS].CopyFrom(wrap(options))
    return cluster


def socket_address(host: str, port: int) -> address_pb2.Address:
    """A host and a port, as Envoy writes them."""
    return address_pb2.Address(
        socket_address=address_pb2.SocketAddress(address=host, port_value=port)
    )


def pipe(path: str) -> address_pb2.Address:
    """A unix socket that only its owner may open."""
    return address_pb2.Address(pipe=address_pb2.Pipe(path=path, mode=0o600))


def _cluster(name: str, address: Address) -> Cluster:
    pace = FAR if address.is_name else NEAR
    where = pipe(address.path) if address.path else socket_address(address.host, address.port)
    return Cluster(
        name=name,
        type=Cluster.STRICT_DNS if address.is_name else Cluster.STATIC,
        connect_timeout=seconds(1),
        lb_policy=Cluster.LEAST_REQUEST,
        # Only when none is healthy is any of them tried: better than a refusal out of hand.
        common_lb_config=Cluster.CommonLbConfig(healthy_panic_threshold=Percent(value=1)),
        load_assignment=ClusterLoadAssignment(
            cluster_name=name,
            endpoints=[
                LocalityLbEndpoints(lb_endpoints=[LbEndpoint(endpoint=Endpoint(address=where))])
            ],
        ),
        circuit_breakers=_circuit_breakers(),
        outlier_detection=_outlier_detection(pace),
    )


def _circuit_breakers() -> CircuitBreakers:
    limits = CircuitBreakers.Thresholds
    return CircuitBreakers(
        thresholds=[
            limits(
                max_connections=uint(1024),
                max_pending_requests=uint(1024),
                max_requests=uint(2048),
                track_remaining=True,
                retry_budget=limits.RetryBudget(
                    budget_percent=Percent(value=20), min_retry_concurrency=uint(10)
                ),
            )
        ]
    )


def _outlier_detection(pace: Pace) -> OutlierDetection:
    # Counts what happened to the connection, not what was answered: otherwise one tenant that runs
    # into one bug takes a healthy process away from everybody.
    return OutlierDetection(
        split_external_local_origin_errors=True,
        consecutive_local_origin_failure=uint(3),
        enforcing_consecutive_local_origin_failure=uint(100),
        enforcing_local_origin_success_rate=uint(0),
        enforcing_consecutive_5xx=uint(0),
        enforcing_consecutive_gateway_failure=uint(0),
        enforcing_success_rate=uint(0),
        interval=seconds(min(1, pace.ejection)),
        base_ejection_time=seconds(pace.ejection),
        max_ejection_time=seconds(pace.ejection * 6),
        max_ejection_percent=uint(50),
    )
