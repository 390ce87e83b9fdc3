"""The API's OpenAPI documents, and a Swagger page for each, from files shipped with Malha."""

import re
from pathlib import Path
from typing import Any

import orjson
import yaml
from sanic import Request, Sanic
from sanic.exceptions import NotFound
from sanic.response import HTTPResponse, html
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
_DAY = "public, max-age=86400"


def serve_documents(app: Sanic[Any, Any], directory: Path) -> None:
    """Serve /openapi/{version}.json and /docs/{version} for every document in the directory."""
    documents = read_documents(directory)
    assets = {name: (Path(swagger_ui_path) / name).read_bytes() for name in _ASSETS}
    page = (_PAGES / "docs.html").read_text()
    starter = (_PAGES / "docs.js").read_bytes()

    @app.get("/openapi/<name:str>")
    async def openapi(_request: Request, name: str) -> HTTPResponse:
        version = name.removesuffix(".json")
        if name == version or version not in documents:
            raise NotFound
        return HTTPResponse(
            documents[version],
            content_type="application/json",
            headers={"cache-control": "no-cache", "x-content-type-options": "nosniff"},
        )

    @app.get("/docs/<version:str>")
    async def docs(_request: Request, version: str) -> HTTPResponse:
        if version not in documents:
            raise NotFound
        return html(
            page.replace("{version}", version),
            headers={
                "content-security-policy": _POLICY,
                "x-content-type-options": "nosniff",
                "referrer-policy": "same-origin",
            },
        )

    @app.get("/docs/assets/<name:str>")
    async def docs_asset(_request: Request, name: str) -> HTTPResponse:
        headers = {"cache-control": _DAY, "x-content-type-options": "nosniff"}
        if name == "docs.js":
            return HTTPResponse(starter, content_type="text/javascript", headers=headers)
        if name not in assets:
            raise NotFound
        return HTTPResponse(assets[name], content_type=_ASSETS[name], headers=headers)


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
