"""Which parts of the mesh a changed file belongs to."""

import pytest

from services.kit.devstack.paths import PROJECT
from services.kit.devstack.watch import EVERY_PROCESS, affected


@pytest.mark.parametrize(
    ("file", "parts"),
    [
        ("services/crm/contacts/commands.py", {"crm"}),
        ("services/ingestion/migrations/0001_webhooks.sql", {"ingestion"}),
        ("services/kit/call.py", EVERY_PROCESS),
        ("services/kit/devstack/mesh.py", set()),
        ("services/__main__.py", set()),
        ("gen/python/malha/crm/v1/contact_pb2.py", EVERY_PROCESS),
        ("gateway-edge/edge/app.py", {"edge"}),
        ("gateway-edge/sandbox/app.py", {"sandbox"}),
        ("gateway-edge/envoyconf/routes.py", {"envoy"}),
    ],
)
def test_a_change_restarts_what_runs_it(file: str, parts: set[str]) -> None:
    assert affected(PROJECT / file) == parts
