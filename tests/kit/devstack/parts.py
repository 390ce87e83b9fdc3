"""The smallest mesh with real stores, a real Envoy and one process of our own."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from services.kit.devstack.environment import Wiring, inherited
from services.kit.devstack.mesh import Mesh
from services.kit.devstack.nats import Nats
from services.kit.devstack.python_process import PythonProcess, answers
from services.kit.devstack.secrets import Secrets

ECHO = Path(__file__).with_name("echo.py")


class PlainOperator:
    """An operator without a schema: opens the bus to every key and counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def nats_configuration(self, nats: Nats, secrets: Secrets) -> str:
        self.asked.append("nats-config")
        users = "\n".join(f"{{ nkey: {key.public} }}" for key in secrets.nats.values())
        return f"""
            listen: "{nats.listen}"
            http: "127.0.0.1:{nats.http_port}"
            jetstream {{
              store_dir: "{nats.store}"
              sync_interval: always
            }}
            accounts {{
              SYS: {{ users: [] }}
              APP: {{
                jetstream: enabled
                users: [
                  {users}
                ]
              }}
            }}
            system_account: SYS
        """

    async def migrate(self, wiring: Wiring) -> None:
        self.asked.append("migrate")

    async def lay_out_bus(self, wiring: Wiring) -> None:
        self.asked.append("topology")

    async def seed(self, wiring: Wiring, before: dict[str, Any]) -> dict[str, Any]:
        self.asked.append("seed")
        wiring.sandbox_state.write_text("{}")
        return {"api_key": "a key", "user": {"email": "ana@example.com", "password": "senha"}}


def echo_process(wiring: Wiring) -> list[PythonProcess]:
    """One process that answers 200, in the place of the edge."""
    listen = wiring.listen("edge")
    return [PythonProcess("edge", (str(ECHO), listen), inherited(), answers(listen))]


async def configure_envoy(bootstrap: Path, mesh: Path) -> None:
    """Envoy that answers by itself."""
    described = json.loads(mesh.read_text())
    manager = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3."
        "HttpConnectionManager",
        "stat_prefix": "http",
        "http_filters": [
            {
                "name": "router",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
                },
            }
        ],
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "direct_response": {"status": 200}}],
                }
            ]
        },
    }
    address = {"address": "127.0.0.1", "port_value": described["http_port"]}
    bootstrap.write_text(
        json.dumps(
            {
                "admin": {"address": {"pipe": {"path": described["admin_socket"], "mode": 0o600}}},
                "static_resources": {
                    "listeners": [
                        {
                            "name": "http",
                            "address": {"socket_address": address},
                            "filter_chains": [
                                {"filters": [{"name": "http", "typed_config": manager}]}
                            ],
                        }
                    ]
                },
            }
        )
    )


def small_mesh(
    state_dir: Path,
    *,
    http_port: int | None = None,
    operator: PlainOperator | None = None,
    changed: Callable[[], None] = lambda: None,
) -> Mesh:
    """A mesh of real stores, real Envoy and one process."""
    return Mesh(
        state_dir,
        http_port=http_port,
        operator=operator or PlainOperator(),
        processes=echo_process,
        configure_envoy=configure_envoy,
        changed=changed,
    )
