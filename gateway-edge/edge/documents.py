"""The API's OpenAPI documents, a Swagger page for each, and its policy, from shipped files."""

import re
from pathlib import Path
from typing import Any

import orjson
import yaml
from markdown_it import MarkdownIt
from sanic import Request, Sanic
from sanic.exceptions import NotFound
from sanic.response import HTTPResponse, html, redirect
from swagger_ui_bundle import swagger_ui_path  # type: ignore[import-untyped]

from services.kit.log import get_logger

log = get_logger(__name__)

_VERSION = re.compile(r"v[1-9][0-9]?")
_PAGES = Path(__file__).parent / "pages"
# Swagger UI sets styles from its script and holds its icons as data: addresses.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_ASSETS = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "favicon-32x32.png": "image/png",
}
# The policy page has no script at all.
_STILL_POLICY = _POLICY.replace("script-src 'self'; ", "")
_OWN_ASSETS = {"docs.js": "text/javascript", "policy.css": "text/css"}
_DOCS = Path(__file__).parents[2] / "docs"
_TEXTS = {"policy": _DOCS / "api-policy.md", "reasons": _DOCS / "api-reasons.md"}
_READ = ["GET", "HEAD"]
_DAY = "public, max-age=86400"


def serve_documents(app: Sanic[Any, Any], directory: Path) -> None:
    """Serve /openapi/{version}.json and /docs/{version} for every document in the directory."""
    documents = read_documents(directory)
    newest = max(documents, key=lambda version: int(version[1:]), default="v1")
    assets = {name: (Path(swagger_ui_path) / name).read_bytes() for name in _ASSETS}
    assets["docs.js"] = (_PAGES / "docs.js").read_bytes()
    assets["policy.css"] = (_PAGES / "policy.css").read_bytes()
    page = (_PAGES / "docs.html").read_text()
    texts = {name: policy_page(path) for name, path in _TEXTS.items() if path.is_file()}

    @app.route("/openapi/<name:str>", methods=_READ)
    async def openapi(_request: Request, name: str) -> HTTPResponse:
        version = name.removesuffix(".json")
        if name == version or version not in documents:
            raise NotFound
        return HTTPResponse(
            documents[version],
            content_type="application/json",
            headers={"cache-control": "no-cache", "x-content-type-options": "nosniff"},
        )

    @app.route("/docs", methods=_READ)
    async def docs_newest(_request: Request) -> HTTPResponse:
        return redirect(f"/docs/{newest}")

    @app.route("/docs/<version:str>", methods=_READ)
    async def docs(_request: Request, version: str) -> HTTPResponse:
        if version in texts:
            return html(texts[version], headers=_page_headers(_STILL_POLICY))
        if version not in documents:
            raise NotFound
        return html(page.replace("{version}", version), headers=_page_headers(_POLICY))

    @app.route("/docs/assets/<name:str>", methods=_READ)
    async def docs_asset(_request: Request, name: str) -> HTTPResponse:
        if name not in assets:
            raise NotFound
        return HTTPResponse(
            assets[name],
            content_type=_ASSETS.get(name) or _OWN_ASSETS[name],
            headers={"cache-control": _DAY, "x-content-type-options": "nosniff"},
        )


def policy_page(path: Path) -> str:
    """A text about the API as a page, from its Markdown."""
    source = path.read_text()
    for name, other in _TEXTS.items():
        source = source.replace(f"({other.name})", f"(/docs/{name})")
    text = MarkdownIt("commonmark", {"html": False}).enable("table").render(source)
    title = source.partition("\n")[0].removeprefix("# ")
    page = (_PAGES / "policy.html").read_text()
    return page.replace("{title}", title).replace("{text}", text)


def _page_headers(policy: str) -> dict[str, str]:
    return {
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        "referrer-policy": "same-origin",
    }


def read_documents(directory: Path) -> dict[str, bytes]:
    """Every OpenAPI document as JSON, by version: v1 from v1.json or v1.yaml."""
    found: dict[str, bytes] = {}
    for path in sorted(directory.glob("v*.*")) if directory.is_dir() else ():
        if not _VERSION.fullmatch(path.stem):
            continue
        if path.suffix == ".json":
            found[path.stem] = path.read_bytes()
        elif path.suffix in (".yaml", ".yml") and path.stem not in found:
            found[path.stem] = orjson.dumps(yaml.safe_load(path.read_text()))
    if not found:
        log.warning("no OpenAPI documents", directory=str(directory))
    return found
