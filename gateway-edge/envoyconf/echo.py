"""The benchmarks' yardstick: a bare gRPC service behind the same Envoy, transcoded the same way.

`GET /v1/echo/{id}` is malha.echo.v1.EchoService/Echo(GetAssistantRequest) returning an Assistant,
so that it differs from a real read only in what the service does. It is part of no contract:
whoever measures serves it, and only a mesh that names its address routes it.
"""

from google.api import annotations_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from malha.assistants.v1 import assistant_pb2, assistant_service_pb2

from envoyconf.contracts import PUBLIC, RPC
from envoyconf.mesh import ECHO

PATH = "/v1/echo/{id}"


def echo_contract() -> FileDescriptorProto:
    """The contract, as a .proto would say it."""
    file = FileDescriptorProto(
        name="malha/echo/v1/echo_service.proto",
        package="malha.echo.v1",
        syntax="proto3",
        dependency=[assistant_pb2.DESCRIPTOR.name, assistant_service_pb2.DESCRIPTOR.name],
    )
    method = file.service.add(name="EchoService").method.add(
        name="Echo",
        input_type=f".{assistant_service_pb2.GetAssistantRequest.DESCRIPTOR.full_name}",
        output_type=f".{assistant_pb2.Assistant.DESCRIPTOR.full_name}",
    )
    method.options.Extensions[annotations_pb2.http].get = PATH
    return file


def echo_rpc() -> RPC:
    """The RPC, for the routes."""
    file = echo_contract()
    method = file.service[0].method[0]
    return RPC(
        service=f"{file.package}.{file.service[0].name}",
        name=method.name,
        cluster=ECHO,
        version="v1",
        rules=(method.options.Extensions[annotations_pb2.http],),
        scope=PUBLIC,
        repeatable=True,
    )
