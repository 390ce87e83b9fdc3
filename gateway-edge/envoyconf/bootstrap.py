"""Envoy's whole configuration, for one mesh."""

from collections.abc import Sequence

from envoy.config.bootstrap.v3.bootstrap_pb2 import (
    Admin,
    Bootstrap,
    LayeredRuntime,
    RuntimeLayer,
)
from envoy.config.core.v3.base_pb2 import Node
from envoy.config.overload.v3.overload_pb2 import OverloadManager, ResourceMonitor
from envoy.extensions.resource_monitors.downstream_connections.v3 import (
    downstream_connections_pb2,
)
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct

from envoyconf.clusters import clusters, pipe
from envoyconf.contracts import load_contracts, rpcs_of
from envoyconf.descriptors import transcoder_descriptors
from envoyconf.echo import echo_contract, echo_rpc
from envoyconf.listeners import grpc_listener, metrics_listener, rest_listener
from envoyconf.mesh import Mesh, production
from envoyconf.values import wrap

MAX_CONNECTIONS = 20_000
LEVELS = ("error", "warn")
MAPS = frozenset(
    {"json_format", "static_layer", "typed_per_filter_config", "typed_extension_protocol_options"}
)


def production_bootstrap() -> dict[str, object]:
    """The configuration of the mesh with its parts found by name."""
    return bootstrap(production({rpc.cluster for rpc in rpcs_of(load_contracts())}))


def bootstrap(mesh: Mesh, files: Sequence[FileDescriptor] | None = None) -> dict[str, object]:
    """The configuration as JSON says it, for all contracts or for some.

    Raises ValueError when the mesh lacks a service.
    """
    files = load_contracts() if files is None else files
    rpcs = rpcs_of(files)
    mesh.check({rpc.cluster for rpc in rpcs})
    echo = mesh.extra.echo is not None
    public = {rpc.service for rpc in rpcs if rpc.rules}
    seen = [
        file
        for file in files
        if any(service.full_name in public for service in file.services_by_name.values())
    ]
    descriptors = transcoder_descriptors(seen, [echo_contract()] if echo else [])
    if echo:
        rpcs.append(echo_rpc())
    config = Bootstrap(
        node=Node(id="malha-edge", cluster="edge"),
        admin=Admin(address=pipe(mesh.admin_socket)),
        overload_manager=_overload_manager(),
        application_log_config=_application_log(),
        layered_runtime=_runtime(),
    )
    config.static_resources.clusters.extend(clusters(mesh))
    config.static_resources.listeners.append(rest_listener(mesh, rpcs, descriptors))
    config.static_resources.listeners.append(grpc_listener(mesh, rpcs))
    if mesh.metrics_port:
        config.static_resources.listeners.append(metrics_listener(mesh, mesh.metrics_port))
    written = MessageToDict(config, preserving_proto_field_name=True)
    return {name: _settled(value) for name, value in written.items()}


def _settled(value: object, *, sort: bool = False) -> object:
    # Protobuf's maps come in another order in every process: what is committed must not.
    if isinstance(value, list):
        return [_settled(item, sort=sort) for item in value]
    if isinstance(value, dict):
        return {
            name: _settled(value[name], sort=sort or name in MAPS)
            for name in (sorted(value) if sort else value)
        }
    return value


def _overload_manager() -> OverloadManager:
    connections = downstream_connections_pb2.DownstreamConnectionsConfig(
        max_active_downstream_connections=MAX_CONNECTIONS
    )
    return OverloadManager(
        resource_monitors=[
            ResourceMonitor(
                name="envoy.resource_monitors.global_downstream_max_connections",
                typed_config=wrap(connections),
            )
        ]
    )


def _runtime() -> LayeredRuntime:
    # All paths that take a method are one expression. The limit is there for strangers'
    # expressions; ours are linear in the path, however many alternatives they have.
    layer = RuntimeLayer(name="static", static_layer=Struct())
    layer.static_layer.update({f"re2.max_program_size.{what}_level": 10_000 for what in LEVELS})
    return LayeredRuntime(layers=[layer])


def _application_log() -> Bootstrap.ApplicationLogConfig:
    log_format = Bootstrap.ApplicationLogConfig.LogFormat(json_format=Struct())
    log_format.json_format.update(
        {
            "timestamp": "%Y-%m-%dT%T.%fZ",
            "level": "%l",
            "logger": "envoy.%n",
            "event": "%j",
        }
    )
    return Bootstrap.ApplicationLogConfig(log_format=log_format)
