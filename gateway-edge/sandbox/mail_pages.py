"""The mailbox for people (/mail) and for tests (/sandbox/mail)."""

import base64
import hashlib
from datetime import datetime
from html import escape

import orjson
from sanic import Blueprint
from sanic.exceptions import BadRequest, NotFound
from sanic.response import HTTPResponse

from sandbox.mail import Mail, Mailbox, MailFaults
from sandbox.world import Request, answer

mail_pages = Blueprint("mail")

_STYLE = """
:root { color-scheme: light dark; --page: #e6ece9; --card: #fff; --ink: #12211c; --faint: #52645d;
  --accent: #0b7a5e; }
@media (prefers-color-scheme: dark) { :root { --page: #0b1210; --card: #16201d; --ink: #e7efec;
  --faint: #9db0a8; --accent: #2bbd8d; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 760px; padding: 24px 16px; background: var(--page);
  color: var(--ink); font: 15px/1.5 "Segoe UI", system-ui, -apple-system, Roboto, sans-serif; }
h1 { font-size: 1.3rem; }
a { color: var(--accent); overflow-wrap: anywhere; }
.faint, time { color: var(--faint); font-size: .88rem; }
details { margin: 0 0 12px; padding: 14px 18px; border-radius: 14px; background: var(--card); }
summary { cursor: pointer; overflow-wrap: anywhere; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font: inherit; }
:focus-visible { outline: 2.5px solid var(--accent); outline-offset: 2px; }
"""
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_PAGE_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
# An e-mail is somebody else's page: its looks are shown, nothing of it runs or loads.
_MAIL_POLICY = (
    "sandbox allow-popups allow-top-navigation-by-user-activation; default-src 'none'; "
    "style-src 'unsafe-inline'"
)


@mail_pages.get("/mail")
async def show_page(request: Request) -> HTTPResponse:
    """Every e-mail, newest first; `to` shows one address's."""
    mails = _mailbox(request).to(request.args.get("to"))
    shown = "".join(_shown(mail, opened=not i) for i, mail in enumerate(reversed(mails)))
    page = (
        '<!doctype html><html lang="pt-BR"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Malha · e-mails de teste</title><style>{_STYLE}</style></head><body>"
        '<h1>E-mails de teste</h1><p class="faint">Nada daqui é entregue a ninguém. '
        '<a href="/mail">Atualizar</a> · <a href="/phone">Telefone de teste</a></p>'
        f"{shown or '<p>Nenhum e-mail ainda.</p>'}</body></html>"
    )
    return _page(page, _PAGE_POLICY)


@mail_pages.get("/mail/<mail_id:int>")
async def show_looks(request: Request, mail_id: int) -> HTTPResponse:
    """One e-mail as it looks."""
    for mail in _mailbox(request).mails:
        if mail.id == mail_id:
            return _page(mail.part("html"), _MAIL_POLICY)
    raise NotFound("No such e-mail, or it has been forgotten.")


@mail_pages.get("/sandbox/mail")
async def list_mail(request: Request) -> HTTPResponse:
    """E-mails as JSON, newest last: all of them, or those `to` an address."""
    mailbox = _mailbox(request)
    mails = mailbox.to(request.args.get("to"))
    return answer({"total": mailbox.total, "mails": [mail.shown() for mail in mails]})


@mail_pages.delete("/sandbox/mail")
async def forget_mail(request: Request) -> HTTPResponse:
    """Forget every e-mail."""
    _mailbox(request).clear()
    return HTTPResponse(status=204)


@mail_pages.get("/sandbox/mail/faults")
async def show_faults(request: Request) -> HTTPResponse:
    """What goes wrong with e-mail now."""
    return answer((_mailbox(request).faults or MailFaults()).model_dump())


@mail_pages.put("/sandbox/mail/faults")
async def put_faults(request: Request) -> HTTPResponse:
    """Replace what goes wrong with e-mail."""
    try:
        body = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        raise BadRequest("The body is not JSON.") from None
    faults = _mailbox(request).faults = MailFaults.model_validate(body)
    return answer(faults.model_dump())


@mail_pages.delete("/sandbox/mail/faults")
async def drop_faults(request: Request) -> HTTPResponse:
    """Nothing goes wrong any more."""
    _mailbox(request).faults = None
    return HTTPResponse(status=204)


def _mailbox(request: Request) -> Mailbox:
    return request.app.ctx.world.mailbox


def _shown(mail: Mail, *, opened: bool) -> str:
    facts = mail.shown()
    when = datetime.fromtimestamp(mail.time)
    links = "".join(
        f'<p><a href="{escape(link)}" rel="noreferrer">{escape(link)}</a></p>'
        for link in facts["links"]
    )
    return (
        f"<details{' open' if opened else ''}><summary><strong>{escape(facts['subject'])}</strong> "
        f'<span class="faint">para {escape(", ".join(facts["to"]))}</span> '
        f"<time>{when:%d/%m %H:%M:%S}</time></summary>"
        f'<pre>{escape(facts["text"])}</pre>{links}<p><a href="/mail/{mail.id}">Ver como ele '
        "aparece</a></p></details>"
    )


def _page(html: str, policy: str) -> HTTPResponse:
    headers = {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        # The secrets of links are after "#", which no browser sends on; nor their page's address.
        "Referrer-Policy": "no-referrer",
    }
    return HTTPResponse(html, headers=headers, content_type="text/html; charset=utf-8")
