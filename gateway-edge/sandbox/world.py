"""Everything one running sandbox holds, and the two helpers every route needs."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import aiohttp
import orjson
import sanic
from sanic import Sanic
from sanic.config import Config
from sanic.response import HTTPResponse

from sandbox.faults import FaultBoard
from sandbox.mail import Mailbox
from sandbox.media import MediaStore
from sandbox.numbers import Numbers
from sandbox.settings import SandboxSettings
from sandbox.statuses import Statuses
from sandbox.windows import Windows


@dataclass
class World:
    """The parts of a running sandbox."""

    settings: SandboxSettings
    session: aiohttp.ClientSession
    faults: FaultBoard
    media: MediaStore
    windows: Windows
    statuses: Statuses
    numbers: Numbers
    mailbox: Mailbox


class Context(SimpleNamespace):
    """What hangs on the app: the world, from the moment the server starts."""

    world: World


App = Sanic[Config, Context]
Request = sanic.Request[App, SimpleNamespace]


def answer(body: Any, status: int = 200) -> HTTPResponse:
    """A JSON answer."""
    return HTTPResponse(orjson.dumps(body), status=status, content_type="application/json")
