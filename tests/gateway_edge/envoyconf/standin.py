"""Stand-ins for what is behind Envoy: a gRPC server that records, and a web server that does."""

import json
import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health, health_pb2_grpc
from grpc_status.rpc_status import to_status
from malha.assistants.v1.assistant_pb2 import Assistant
from malha.assistants.v1.assistant_service_pb2 import GetAssistantRequest

from edge import checks
from edge.bodies import Bodies
from envoyconf.contracts import load_contracts, services_of
from envoyconf.echo import echo_rpc
from services.kit.errors import AppError, InvalidRequest
from services.kit.errors import to_status as status_of

Answer = Callable[[Message, grpc.ServicerContext], Message]
BODIES = Bodies(load_contracts())


@dataclass
class Call:
    """One RPC as it arrived."""

    method: str
    path: str
    request: Any
    metadata: dict[str, str | bytes]
    time_remaining: float | None


@dataclass
class Upstream:
    """Every service of the mesh at once, on one socket."""

    path: str
    contracts: Sequence[FileDescriptor] = field(default_factory=load_contracts)
    answers: dict[str, Answer] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._methods: dict[str, tuple[type[Message], type[Message]]] = {
            f"/{service.full_name}/{method.name}": (
                GetMessageClass(method.input_type),
                GetMessageClass(method.output_type),
            )
            for service in services_of(self.contracts)
            for method in service.methods
        }
        self._methods[echo_rpc().path] = (GetAssistantRequest, Assistant)
        self.start()

    def start(self) -> None:
        """Serve."""
        self._server = grpc.server(ThreadPoolExecutor(8), handlers=[_Handler(self)])
        health_pb2_grpc.add_HealthServicer_to_server(health.HealthServicer(), self._server)
        self._server.add_insecure_port(f"unix:{self.path}")
        self._server.start()

    def stop(self) -> None:
        """Hang up on everybody."""
        self._server.stop(0).wait()

    def answer(self, method: str, request: bytes, context: grpc.ServicerContext) -> bytes:
        """Record a call, and answer it as the test said, or with an empty message."""
        read_as, answer_as = self._methods[method]
        read = read_as.FromString(request)
        name = method.rpartition(".")[2]
        metadata = dict(context.invocation_metadata())
        self.calls.append(Call(name, method, read, metadata, context.time_remaining()))
        made = self.answers.get(name)
        reply = made(read, context) if made else answer_as()
        return reply.SerializeToString()


class _Handler(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no types
    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        method = details.method
        if not method.startswith("/malha."):
            return None
        return grpc.unary_unary_rpc_method_handler(
            lambda request, context: self._upstream.answer(method, request, context)
        )


def fail(error: AppError, **told: str) -> Answer:
    """An answer that is a refusal, as the kit gives it, with what else is told; `_` for `-`."""
    more = tuple((name.replace("_", "-"), value) for name, value in told.items())

    def abort(_: Message, context: grpc.ServicerContext) -> Message:
        request_id = str(dict(context.invocation_metadata())["x-request-id"])
        status = to_status(status_of(error, request_id))
        context.set_trailing_metadata((*more, *status.trailing_metadata))
        context.abort(status.code, status.details)
        raise AssertionError

    return abort


class Web:
    """The edge: says what it got."""

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Mirror)
        self.judges = True
        self.address = f"127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def judges(self) -> bool:
        """Whether it judges bodies, or fails to."""
        judges: bool = self._server.judges  # type: ignore[attr-defined]  # handlers see only it
        return judges

    @judges.setter
    def judges(self, judges: bool) -> None:
        self._server.judges = judges  # type: ignore[attr-defined]

    def stop(self) -> None:
        """Hang up on everybody."""
        self._server.shutdown()
        self._server.server_close()


class _Mirror(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.headers.get("upgrade") == "websocket":
            self._shake_hands()
            return
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path.startswith(checks.PREFIX):
            self._judge(body)
            return
        said = json.dumps(
            {
                "method": self.command,
                "path": self.path,
                "headers": {name.lower(): value for name, value in self.headers.items()},
                "length": len(body),
            }
        ).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_POST = do_PATCH = do_PUT = do_GET

    def _judge(self, body: bytes) -> None:
        if not self.server.judges:  # type: ignore[attr-defined]  # Web's own
            self.send_error(503)
            return
        assert self.headers[checks.ONLY_ENVOY]
        path = self.path.removeprefix(checks.PREFIX).partition("?")[0]
        found = BODIES.violations(self.command, path, body)
        answer = checks.refusal(InvalidRequest(found), self.headers["x-request-id"])
        said = answer.body or b""
        self.send_response(answer.status if found else 200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(said) if found else 0))
        self.end_headers()
        if found:
            self.wfile.write(said)

    def _shake_hands(self) -> None:
        self.send_response(101)
        self.send_header("upgrade", "websocket")
        self.send_header("connection", "upgrade")
        self.end_headers()
        self.wfile.write(self.rfile.read(4))
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass


@dataclass(frozen=True)
class Reply:
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)

    @property
    def reason(self) -> str:
        """The reason of the ErrorInfo in it."""
        return str(self.detail("ErrorInfo")["reason"])

    def detail(self, kind: str) -> dict[str, Any]:
        """One detail of a google.rpc.Status."""
        name = f"type.googleapis.com/google.rpc.{kind}"
        found: dict[str, Any] = next(
            detail for detail in self.json["details"] if detail["@type"] == name
        )
        return found


@dataclass
class Client:
    """HTTP as it is written: no path is tidied up on the way."""

    port: int

    def __call__(
        self,
        method: str,
        path: str,
        body: bytes | object | None = None,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        try:
            connection.request(method, path, data, headers or {})
            answer = connection.getresponse()
            named = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, named, answer.read())
        finally:
            connection.close()


def free_port() -> int:
    """A port that nobody has right now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
