"""What each process of a mesh is told through its environment."""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from services.kit.devstack.nats import Nats
from services.kit.devstack.paths import PYTHON_PATH, StatePaths
from services.kit.devstack.postgres import Postgres
from services.kit.devstack.secrets import OWNER, SERVICES, Secrets
from services.kit.devstack.valkey import Valkey

INHERITED = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR"),
        *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"),
    }
)
INHERITED_PREFIXES = ("OPENAI_", "ANTHROPIC_", "MALHA_")

OVERRIDABLE = frozenset(
    {
        *("MALHA_LOG_LEVEL", "MALHA_PUBLIC_URL", "MALHA_INGESTION_GRAPH_URL"),
        *("MALHA_CRM_MAIL_SERVER", "MALHA_CRM_MAIL_SECURITY"),
        "MALHA_PUBLIC_REQUESTS_PER_MINUTE",
    }
)
"""Settings the mesh has an opinion about but a person may know better, e.g. behind a tunnel."""
OWN = frozenset({"MALHA_STATE_DIR", "MALHA_HTTP_PORT", "MALHA_GRPC_PORT"})
"""Settings of devstack itself."""


@dataclass(frozen=True, slots=True)
class Wiring:
    """The addresses and secrets of one mesh, and who is told which."""

    paths: StatePaths
    secrets: Secrets
    postgres: Postgres
    valkey: Valkey
    nats: Nats
    ports: Mapping[str, int]
    http_port: int
    grpc_port: int

    @property
    def api_url(self) -> str:
        """Where this machine reaches the mesh."""
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def sandbox_url(self) -> str:
        """Where the stand-in for Meta's Graph API is."""
        return f"http://{self.listen('sandbox')}"

    @property
    def sandbox_state(self) -> Path:
        """Where the sandbox keeps the numbers it was told."""
        return self.paths.sandbox / "state.json"

    @property
    def peers(self) -> dict[str, str]:
        """The gRPC target of every service."""
        return {service: f"unix:{self.paths.socket(service)}" for service in SERVICES}

    def listen(self, name: str) -> str:
        """The loopback address chosen under a name."""
        return f"127.0.0.1:{self.ports[name]}"

    def service(self, name: str) -> dict[str, str]:
        """For one of the gRPC services."""
        return self._environment(
            name,
            MALHA_DATABASE_URL=self.postgres.url(f"malha_{name}"),
            MALHA_RPC_LISTEN=self.peers[name],
            MALHA_PROBE_LISTEN=self.listen(name),
            MALHA_ROLES="rpc,worker",
            MALHA_INGESTION_GRAPH_URL=f"{self.sandbox_url}/v26.0",
            # The sandbox's mailbox, which delivers nothing to anybody.
            MALHA_CRM_MAIL_SERVER=self.listen("mail"),
            MALHA_CRM_MAIL_SECURITY="none",
        )

    def edge(self) -> dict[str, str]:
        """For the web edge."""
        return self._environment(
            "edge",
            MALHA_EDGE_LISTEN=self.listen("edge"),
            MALHA_EDGE_SANDBOX_URL=self.sandbox_url,
        )

    def sandbox(self) -> dict[str, str]:
        """For the stand-in of Meta's Graph API, which knows none of the mesh's secrets."""
        return inherited() | {
            "MALHA_PUBLIC_URL": os.environ.get("MALHA_PUBLIC_URL", self.api_url),
            "MALHA_SANDBOX_LISTEN": self.listen("sandbox"),
            "MALHA_SANDBOX_MAIL_LISTEN": self.listen("mail"),
            "MALHA_SANDBOX_STATE_FILE": str(self.sandbox_state),
        }

    def operator(self) -> dict[str, str]:
        """For the commands that migrate, lay out the bus and seed: the owner's rights."""
        return self._environment(
            "operator",
            MALHA_DATABASE_URL=self.postgres.url(OWNER),
            MALHA_DATABASE_PASSWORDS=json.dumps(
                {f"malha_{name}": self.secrets.postgres[f"malha_{name}"] for name in SERVICES}
            ),
            MALHA_NATS_SEED=self.secrets.nats["admin"].seed,
            MALHA_SANDBOX_URL=self.sandbox_url,
        )

    def _environment(self, name: str, **settings: str) -> dict[str, str]:
        own = {
            "MALHA_SERVICE_NAME": name,
            "MALHA_REDIS_URL": self.valkey.url,
            "MALHA_NATS_URL": self.nats.url,
            "MALHA_PEERS": json.dumps(self.peers),
            "MALHA_SERVICE_KEY": self.secrets.identities[name].private,
            "MALHA_SERVICE_PUBLIC_KEYS": json.dumps(
                {identity: pair.public for identity, pair in self.secrets.identities.items()}
            ),
            "MALHA_ENCRYPTION_KEYS": self.secrets.encryption_key,
            "MALHA_PUBLIC_URL": self.api_url,
            "MALHA_LOG_LEVEL": "INFO",
            # Everybody comes from this machine, the tests and their attackers too.
            "MALHA_PUBLIC_REQUESTS_PER_MINUTE": "60000",
        }
        if name in self.secrets.nats:
            own["MALHA_NATS_SEED"] = self.secrets.nats[name].seed
        own |= settings
        told = inherited()
        return told | {
            key: told.get(key, value) if key in OVERRIDABLE else value for key, value in own.items()
        }


def inherited() -> dict[str, str]:
    """What a child takes over from us: what any program needs, and what the user set for Malha."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if (name in INHERITED or name.startswith(INHERITED_PREFIXES)) and name not in OWN
    }
    return kept | {
        "PYTHONPATH": os.pathsep.join(str(path) for path in PYTHON_PATH),
        # A log line that waits in a buffer is lost when its process is killed.
        "PYTHONUNBUFFERED": "1",
        # A second thread for vectors this small only spins: 57 ms of CPU a query instead of 4.
        "OPENBLAS_NUM_THREADS": "1",
    }


def ignored_settings(own: Mapping[str, str]) -> list[str]:
    """What the user set although the mesh decides it; said aloud instead of dropped in silence."""
    return sorted(
        name
        for name, value in own.items()
        if name.startswith("MALHA_")
        and name not in OVERRIDABLE
        and os.environ.get(name, value) != value
    )


def python_command(*arguments: str) -> tuple[str, ...]:
    """The command line of a Python program of the project."""
    return (sys.executable, *arguments)
