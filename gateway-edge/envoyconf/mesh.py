"""Where the parts of a mesh are: what the configuration depends on besides the contracts."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

UNIX = "unix:"
EDGE = "edge"
"""The cluster of the web edge; every other cluster is a gRPC service."""
ECHO = "echo"
"""The cluster of the benchmarks' bare echo service."""

Port = Annotated[int, Field(ge=1, le=65535)]


@dataclass(frozen=True, slots=True)
class Address:
    """unix:/path, or a host with a port."""

    host: str
    """Empty for a unix socket."""
    port: int
    path: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an address; ValueError says what was expected."""
        if text.startswith(UNIX):
            path = text.removeprefix(UNIX)
            if not path.startswith("/"):
                raise ValueError(f"expected unix:/absolute/path, not {text!r}")
            return cls("", 0, path)
        host, separator, port = text.rpartition(":")
        if not (separator and host and port.isdecimal() and 0 < int(port) < 65536):
            raise ValueError(f"expected unix:/path or host:port, not {text!r}")
        return cls(host.strip("[]"), int(port), "")

    @property
    def is_name(self) -> bool:
        """Whether DNS has to be asked."""
        if self.path:
            return False
        try:
            ipaddress.ip_address(self.host)
        except ValueError:
            return True
        return False


def _address(text: str) -> str:
    Address.parse(text)
    return text


AddressText = Annotated[str, AfterValidator(_address)]


class Extra(BaseModel):
    """Parts that only some meshes have."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    echo: AddressText | None = None
    """A bare gRPC echo service to measure against."""


class Mesh(BaseModel):
    """One mesh, as `--clusters` describes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    http_port: Port = 8080
    """REST and web."""
    grpc_port: Port = 8081
    """gRPC."""
    metrics_port: Port | None = None
    """Prometheus metrics and readiness of Envoy itself; none when unset."""
    bind: str = "127.0.0.1"
    """The address all of them are bound to."""
    admin_socket: str
    """Path of Envoy's administration socket: only its owner may open it."""
    clusters: dict[str, AddressText]
    """Where each service and the edge is."""
    trusted_hops: int = Field(default=0, ge=0, le=8)
    """Load balancers in front whose X-Forwarded-For is believed."""
    extra: Extra = Extra()

    def address(self, cluster: str) -> Address:
        """Where a cluster is."""
        return Address.parse(self.clusters[cluster])

    def check(self, services: Iterable[str]) -> None:
        """Raise ValueError when a service of the contracts has no address, or the reverse."""
        expected = {*services, EDGE}
        if missing := sorted(expected - self.clusters.keys()):
            raise ValueError(f"clusters: no address for {', '.join(missing)}")
        if unknown := sorted(self.clusters.keys() - expected):
            raise ValueError(f"clusters: nobody is called {', '.join(unknown)}")


def production(services: Iterable[str]) -> Mesh:
    """The mesh as Docker or Kubernetes run it: by name, on all addresses."""
    return Mesh(
        bind="0.0.0.0",
        metrics_port=9102,
        admin_socket="/tmp/envoy-admin.sock",
        clusters={**{name: f"{name}:50051" for name in sorted(services)}, EDGE: f"{EDGE}:8000"},
    )
