"""What a person, a probe or a lost client finds at the edge."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from edge.documents import policy_page, read_documents
from edge.settings import EdgeSettings
from edge.welcome import language
from tests.gateway_edge.edge.parts import PlayedIngestion, RunningEdge


async def test_probes_and_metrics(edge: RunningEdge) -> None:
    assert (await edge.get("/livez"))[0].status == 200
    assert (await edge.get("/readyz"))[0].status == 200
    assert "malha_edge_webhooks_total" in (await edge.get("/metrics"))[1]


async def test_metrics_are_not_for_the_outside(edge: RunningEdge) -> None:
    assert (await edge.get("/metrics", **{"X-Forwarded-For": "192.0.2.1"}))[0].status == 404


async def test_an_edge_without_ingestion_lives_but_is_not_ready(
    edge: RunningEdge, ingestion: PlayedIngestion
) -> None:
    await ingestion.stop()
    assert (await edge.get("/livez"))[0].status == 200
    answer, text = await edge.get("/readyz")
    assert answer.status == 503
    assert "ingestion" in text


@pytest.mark.parametrize(
    ("path", "status", "reason"),
    [("/nowhere", 404, "ROUTE_NOT_FOUND"), ("/openapi/v9.json", 404, "ROUTE_NOT_FOUND")],
)
async def test_an_unknown_address_is_an_error_in_json(
    edge: RunningEdge, path: str, status: int, reason: str
) -> None:
    async with edge.http.get(
        f"http://edge{path}", headers={"x-request-id": "0198c0de-1"}
    ) as answer:
        body = await answer.json()
    assert answer.status == status
    assert body["code"] == 5
    assert body["details"][0]["reason"] == reason
    assert body["details"][1]["requestId"] == "0198c0de-1"


async def test_another_method_is_not_allowed(edge: RunningEdge) -> None:
    async with edge.http.delete("http://edge/webhooks/v1/whatsapp/x") as answer:
        assert answer.status == 405
        assert (await answer.json())["details"][0]["reason"] == "METHOD_NOT_ALLOWED"


async def test_the_api_is_documented_from_shipped_files(edge: RunningEdge) -> None:
    answer, text = await edge.get("/docs/v1")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]
    assert "http://" not in text
    assert "https://" not in text
    for asset in ("swagger-ui.css", "swagger-ui-bundle.js", "docs.js", "favicon-32x32.png"):
        assert asset in text
        assert (await edge.get(f"/docs/assets/{asset}"))[0].status == 200
    assert (await edge.get("/docs/assets/../docs.html"))[0].status == 404
    answer, text = await edge.get("/openapi/v1.json")
    assert (answer.content_type, text) == ("application/json", '{"openapi":"3.1.0"}')


async def test_the_documents_lead_to_the_newest(edge: RunningEdge, directory: Path) -> None:
    async with edge.http.get("http://edge/docs", allow_redirects=False) as answer:
        assert (answer.status, answer.headers["location"]) == (302, "/docs/v2")
    assert (await edge.get("/docs/v2"))[0].status == 200
    assert (await edge.get("/docs/v3"))[0].status == 404


@pytest.mark.parametrize(
    "path",
    [
        "/openapi/v1.json",
        "/openapi/v2.json",
        "/docs/v1",
        "/docs/policy",
        "/docs/reasons",
        "/docs/assets/docs.js",
    ],
)
async def test_a_page_has_a_head(edge: RunningEdge, path: str) -> None:
    answer, text = await edge.get(path)
    async with edge.http.head(f"http://edge{path}") as head:
        assert head.status == answer.status == 200
        assert head.content_type == answer.content_type
        assert int(head.headers["content-length"]) == len(text.encode())
        assert await head.read() == b""


async def test_the_policy_is_a_page_without_scripts(edge: RunningEdge) -> None:
    answer, text = await edge.get("/docs/policy")

    assert answer.content_type == "text/html"
    assert "script-src" not in answer.headers["content-security-policy"]
    assert "<script" not in text
    assert "<title>Malha: The API's policy</title>" in text
    assert "<h2>Sending again: Idempotency-Key</h2>" in text
    assert "<td>409</td>" in text
    assert "/docs/assets/policy.css" in text
    assert (await edge.get("/docs/assets/policy.css"))[0].content_type == "text/css"


def test_markup_in_the_policy_stays_text(tmp_path: Path) -> None:
    (tmp_path / "policy.md").write_text("# Rules\n\n<script>alert(1)</script>\n")

    page = policy_page(tmp_path / "policy.md")

    assert "<h1>Rules</h1>" in page
    assert "<script>" not in page


async def test_the_first_page_greets_in_the_reader_s_language(edge: RunningEdge) -> None:
    assert 'lang="pt-BR"' in (await edge.get("/"))[1]
    assert 'lang="en"' in (await edge.get("/", **{"Accept-Language": "en-GB,en;q=0.9"}))[1]
    assert 'lang="en"' in (await edge.get("/?lang=en", **{"Accept-Language": "pt"}))[1]
    assert (await edge.get("/assets/welcome.css"))[0].content_type == "text/css"
    assert (await edge.get("/assets/malha.svg"))[0].content_type == "image/svg+xml"


@pytest.mark.parametrize(
    ("asked", "spoken"),
    [("", "pt-BR"), ("de", "pt-BR"), ("pt", "pt-BR"), ("de,en;q=0.5", "en"), ("en,pt", "en")],
)
def test_language(asked: str, spoken: str) -> None:
    assert language(asked) == spoken


def test_documents_may_be_yaml(directory) -> None:  # type: ignore[no-untyped-def]
    (directory / "v2.yaml").write_text("openapi: 3.1.0\n")
    (directory / "notes.yaml").write_text("not: one")
    assert read_documents(directory) == {
        "v1": b'{"openapi":"3.1.0"}',
        "v2": b'{"openapi":"3.1.0"}',
    }


@pytest.mark.parametrize("listen", ["8000", "host", "host:port", "host:99999", ":80"])
def test_an_address_that_is_none_stops_the_start(listen: str) -> None:
    with pytest.raises(ValidationError, match=r"expected .*a\.sock"):
        EdgeSettings(listen=listen)
