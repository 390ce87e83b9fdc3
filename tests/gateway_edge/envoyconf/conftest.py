"""One real Envoy with stand-ins behind it, for the tests of this folder."""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
import pytest
from google.protobuf.descriptor import FileDescriptor

from envoyconf.bootstrap import bootstrap
from envoyconf.contracts import load_contracts, rpcs_of
from envoyconf.mesh import EDGE, Extra, Mesh
from tests.gateway_edge.envoyconf.standin import Client, Upstream, Web, free_port

ENVOY = Path(sys.prefix) / "bin" / "envoy"
OPTIONS = (
    *("--concurrency", "1"),
    "--use-dynamic-base-id",
    *("--file-flush-interval-msec", "50"),
    *("--log-level", "warning"),
)


@dataclass
class Edge:
    """A running Envoy and what is around it."""

    mesh: Mesh
    upstream: Upstream
    web: Web
    log: Path

    @property
    def rest(self) -> Client:
        """REST and web."""
        return Client(self.mesh.http_port)

    @property
    def grpc_target(self) -> str:
        """Where gRPC is."""
        return f"127.0.0.1:{self.mesh.grpc_port}"


@contextmanager
def started(contracts: Sequence[FileDescriptor] | None = None, **mesh: Any) -> Iterator[Edge]:
    """One Envoy, half a second after."""
    files = load_contracts() if contracts is None else contracts
    # Not tmp_path: its name is longer than a unix socket's may be.
    with TemporaryDirectory(prefix="envoy") as name:
        directory = Path(name)
        upstream, web = Upstream(f"{directory}/services.sock", files), Web()
        services = {rpc.cluster for rpc in rpcs_of(files)}
        laid_out = Mesh(
            http_port=free_port(),
            grpc_port=free_port(),
            metrics_port=free_port(),
            admin_socket=f"{directory}/admin.sock",
            clusters=dict.fromkeys(services, f"unix:{upstream.path}") | {EDGE: web.address},
            extra=Extra(echo=f"unix:{upstream.path}"),
            **mesh,
        )
        config = directory / "envoy.json"
        config.write_bytes(orjson.dumps(bootstrap(laid_out, files)))
        log = directory / "envoy.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [ENVOY, "-c", str(config), *OPTIONS],
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            _wait_for(laid_out, process, log)
            yield Edge(laid_out, upstream, web, log)
        finally:
            process.terminate()
            process.wait(10)
            upstream.stop()
            web.stop()


@pytest.fixture(scope="session")
def running_edge() -> Iterator[Edge]:
    """The one for most tests."""
    with started() as edge:
        yield edge


@pytest.fixture
def edge(running_edge: Edge) -> Edge:
    """The running Envoy, with nothing recorded and nothing prepared."""
    running_edge.upstream.calls.clear()
    running_edge.upstream.answers.clear()
    running_edge.web.judges = True
    return running_edge


def _wait_for(mesh: Mesh, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if Client(mesh.http_port)("GET", "/").status == 200:
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(log.read_text())
