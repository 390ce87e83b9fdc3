"""Paths that are right with methods that are not, through a real Envoy."""

import pytest

from envoyconf.contracts import load_contracts, rpcs_of
from envoyconf.templates import Template, templates_of
from tests.gateway_edge.envoyconf.conftest import Edge

TEMPLATES = templates_of(rpc for rpc in rpcs_of(load_contracts()) if rpc.rules)
METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT", "TRACE", "PROPFIND")
ID = "0198c0de-7a1b-7000-8000-000000000001"


def path_of(template: Template) -> str:
    """One of the paths that a template means."""
    return "/".join(
        part.replace(part[part.find("{") : part.find("}") + 1], ID) if "{" in part else part
        for part in template.path.split("/")
    )


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.path)
def test_a_path_says_which_methods_it_has(edge: Edge, template: Template) -> None:
    path = path_of(template)
    for method in METHODS:
        reply = edge.rest(method, path)

        if method in template.methods:
            assert reply.status == 200, method
            continue
        assert reply.status == 405, method
        assert {*reply.headers["allow"].split(", ")} == template.methods | {"OPTIONS"}
        assert reply.headers["x-request-id"]
        if method != "HEAD":
            assert (reply.json["code"], reply.reason) == (12, "METHOD_NOT_ALLOWED")

    asked = edge.rest("OPTIONS", path)
    assert (asked.status, asked.body) == (204, b"")
    assert asked.headers["allow"] == template.allow
    assert len(edge.upstream.calls) == len(template.methods), "only what the path has is called"


def test_each_method_reaches_its_own_rpc(edge: Edge) -> None:
    for method, path in (
        ("GET", "/v1/users/me"),
        ("GET", f"/v1/users/{ID}"),
        ("POST", f"/v1/api-keys/{ID}:rotate"),
        ("POST", f"/v1/api-keys/{ID}:revoke"),
    ):
        assert edge.rest(method, path).status == 200

    assert [call.method.rpartition("/")[2] for call in edge.upstream.calls] == [
        "GetCurrentUser",
        "GetUser",
        "RotateApiKey",
        "RevokeApiKey",
    ]
    assert edge.upstream.calls[2].request.id == ID


@pytest.mark.parametrize(
    "path",
    ["/v1/", "/v1/tenants", "/v1/tenant/", "/v1/assistants:archive", f"/v1/api-keys/{ID}:archive"],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "OPTIONS"])
def test_an_unknown_path_is_404_whatever_the_method(edge: Edge, method: str, path: str) -> None:
    reply = edge.rest(method, path)

    assert (reply.status, reply.json["code"], reply.reason) == (404, 5, "ROUTE_NOT_FOUND")
    assert "allow" not in reply.headers


def test_templates_know_who_shadows_whom() -> None:
    shadows = {template.path for template in TEMPLATES if template.shadows}

    assert "/v1/users/me" in shadows
    assert not [path for path in shadows if "{" in path]
