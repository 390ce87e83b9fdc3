"""What Envoy listens on, and how it defends itself there."""

from envoy.config.core.v3.address_pb2 import CidrRange
from envoy.config.core.v3.protocol_pb2 import Http2ProtocolOptions, HttpProtocolOptions
from envoy.config.listener.v3.listener_components_pb2 import Filter, FilterChain
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_components_pb2 import Route, RouteAction, RouteMatch, VirtualHost
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as hcm,
)
from envoy.extensions.request_id.uuid.v3.uuid_pb2 import UuidRequestIdConfig

from envoyconf.clusters import ADMIN, socket_address
from envoyconf.contracts import RPC
from envoyconf.filters import (
    access_log,
    grpc_filters,
    rest_filters,
    router,
    strip_spoofable_headers,
    websocket_filters,
)
from envoyconf.mesh import Mesh
from envoyconf.replies import local_replies
from envoyconf.routes import grpc_routes, rest_routes
from envoyconf.values import KIB, MIB, flag, seconds, uint, wrap


def rest_listener(mesh: Mesh, rpcs: list[RPC], descriptors: bytes) -> Listener:
    """REST, webhooks and the web."""
    services = sorted({rpc.service for rpc in rpcs if rpc.rules})
    manager = _manager(mesh, "rest")
    manager.http_filters.extend(rest_filters(services, descriptors))
    manager.route_config.CopyFrom(rest_routes(rpcs))
    manager.local_reply_config.CopyFrom(local_replies())
    manager.request_timeout.CopyFrom(seconds(60))
    manager.upgrade_configs.append(
        hcm.HttpConnectionManager.UpgradeConfig(
            upgrade_type="websocket", enabled=flag(False), filters=websocket_filters()
        )
    )
    return _listener("rest", mesh.bind, mesh.http_port, manager)


def grpc_listener(mesh: Mesh, rpcs: list[RPC]) -> Listener:
    """gRPC for typed stubs: nothing on the way changes an answer."""
    manager = _manager(mesh, "grpc")
    manager.http_filters.extend(grpc_filters())
    manager.route_config.CopyFrom(grpc_routes(rpcs))
    return _listener("grpc", mesh.bind, mesh.grpc_port, manager)


def metrics_listener(mesh: Mesh, port: int) -> Listener:
    """Envoy's metrics and readiness, and nothing else of its administration."""
    routes = [
        Route(match=RouteMatch(path=path), route=RouteAction(cluster=ADMIN))
        for path in ("/stats/prometheus", "/ready")
    ]
    manager = hcm.HttpConnectionManager(stat_prefix="metrics", http_filters=[router()])
    manager.route_config.CopyFrom(
        RouteConfiguration(
            name="metrics",
            virtual_hosts=[VirtualHost(name="metrics", domains=["*"], routes=routes)],
        )
    )
    listener = _listener("metrics", mesh.bind, port, manager)
    # A pod full of connections must still be able to say so.
    listener.ignore_global_conn_limit = True
    return listener


def _listener(name: str, bind: str, port: int, manager: hcm.HttpConnectionManager) -> Listener:
    return Listener(
        name=name,
        address=socket_address(bind, port),
        # With SO_REUSEPORT, two meshes told the same port would share it, request by request.
        enable_reuse_port=flag(False),
        connection_balance_config=Listener.ConnectionBalanceConfig(
            exact_balance=Listener.ConnectionBalanceConfig.ExactBalance()
        ),
        per_connection_buffer_limit_bytes=uint(1 * MIB),
        filter_chains=[
            FilterChain(
                filters=[
                    Filter(
                        name="envoy.filters.network.http_connection_manager",
                        typed_config=wrap(manager),
                    )
                ]
            )
        ],
    )


def _manager(mesh: Mesh, name: str) -> hcm.HttpConnectionManager:
    manager = hcm.HttpConnectionManager(
        stat_prefix=name,
        codec_type=hcm.HttpConnectionManager.AUTO,
        access_log=[access_log(grpc=name == "grpc")],
        server_header_transformation=hcm.HttpConnectionManager.OVERWRITE,
        server_name="malha",
        use_remote_address=flag(True),
        xff_num_trusted_hops=mesh.trusted_hops,
        # Nobody is internal, whatever the address: x-envoy-* headers and request ids are ours to
        # set. Without any range, loopback and private addresses would be.
        internal_address_config=hcm.HttpConnectionManager.InternalAddressConfig(
            cidr_ranges=[CidrRange(address_prefix="255.255.255.255", prefix_len=uint(32))]
        ),
        generate_request_id=flag(True),
        always_set_request_id_in_response=True,
        request_id_extension=hcm.RequestIDExtension(
            typed_config=wrap(UuidRequestIdConfig(pack_trace_reason=flag(False)))
        ),
        normalize_path=flag(True),
        merge_slashes=True,
        path_with_escaped_slashes_action=hcm.HttpConnectionManager.REJECT_REQUEST,
        common_http_protocol_options=HttpProtocolOptions(
            idle_timeout=seconds(300),
            max_headers_count=uint(100),
            headers_with_underscores_action=HttpProtocolOptions.REJECT_REQUEST,
        ),
        max_request_headers_kb=uint(32),
        request_headers_timeout=seconds(10),
        stream_idle_timeout=seconds(300),
        delayed_close_timeout=seconds(1),
        http2_protocol_options=Http2ProtocolOptions(
            max_concurrent_streams=uint(100),
            initial_stream_window_size=uint(64 * KIB),
            initial_connection_window_size=uint(1 * MIB),
        ),
    )
    manager.early_header_mutation_extensions.append(strip_spoofable_headers(grpc=name == "grpc"))
    return manager
