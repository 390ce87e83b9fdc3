"""What a person finds at the public address: where to go from here, in Portuguese or English."""

from html import escape
from pathlib import Path
from typing import Any

from sanic import Request, Sanic
from sanic.response import HTTPResponse, html

_PAGES = Path(__file__).parent / "pages"
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_DAY = "public, max-age=86400"
_ASSETS = {"welcome.css": "text/css", "malha.svg": "image/svg+xml"}

# Language, then what the page says in it. The first one is for whoever asks for neither.
_TEXTS = {
    "pt-BR": {
        "title": "Malha: assistentes de IA nos seus canais",
        "tagline": "Assistentes de IA para os canais do seu negócio.",
        "docs": ("Documentação da API", "Todas as operações, para ler e experimentar."),
        "phone": ("Telefone de teste", "Converse com o assistente como se fosse um cliente."),
        "health": ("Estado do serviço", "Se a entrada de mensagens está funcionando agora."),
    },
    "en": {
        "title": "Malha: AI assistants on your channels",
        "tagline": "AI assistants for your business's channels.",
        "docs": ("API documentation", "Every operation, to read and to try."),
        "phone": ("Test phone", "Chat with the assistant as a customer would."),
        "health": ("Service health", "Whether messages can come in right now."),
    },
}
_NAMES = {"pt-BR": "Português", "en": "English"}


def serve_welcome(app: Sanic[Any, Any], sandbox_url: str) -> None:
    """Serve / and what it needs."""
    pages = {lang: welcome_page(lang, sandbox_url) for lang in _TEXTS}
    assets = {name: (_PAGES / name).read_bytes() for name in _ASSETS}

    @app.get("/")
    async def welcome(request: Request) -> HTTPResponse:
        asked = request.args.get("lang") or request.headers.get("accept-language", "")
        return html(
            pages[language(asked)],
            headers={
                "content-security-policy": _POLICY,
                "x-content-type-options": "nosniff",
                "referrer-policy": "same-origin",
                "vary": "accept-language",
            },
        )

    for name, kind in _ASSETS.items():

        @app.get(f"/assets/{name}", name=name.replace(".", "_"))
        async def asset(_request: Request, name: str = name, kind: str = kind) -> HTTPResponse:
            return HTTPResponse(
                assets[name],
                content_type=kind,
                headers={"cache-control": _DAY, "x-content-type-options": "nosniff"},
            )


def language(asked: str) -> str:
    """The page's language nearest to an Accept-Language header: the first one that it has."""
    for part in asked.split(","):
        tag = part.partition(";")[0].strip().lower()
        for lang in _TEXTS:
            if tag.partition("-")[0] == lang.partition("-")[0]:
                return lang
    return next(iter(_TEXTS))


def welcome_page(lang: str, sandbox_url: str) -> str:
    """The page in one language."""
    texts = _TEXTS[lang]
    targets = {"docs": "/docs", "phone": sandbox_url, "health": "/readyz"}
    links = "\n".join(
        f'        <li><a href="{escape(href)}"><strong>{escape(texts[key][0])}</strong>'
        f"<span>{escape(texts[key][1])}</span></a></li>"
        for key, href in targets.items()
        if href
    )
    other = next(name for name in _TEXTS if name != lang)
    page = (_PAGES / "welcome.html").read_text()
    return page.format(
        lang=lang,
        title=texts["title"],
        tagline=texts["tagline"],
        links=links,
        other_href=f"/?lang={other}",
        other_lang=other,
        other_name=_NAMES[other],
    )
