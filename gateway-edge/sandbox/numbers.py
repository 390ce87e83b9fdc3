"""The business numbers that are registered here, kept across restarts."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import aiohttp
import orjson
from pydantic import BaseModel, ConfigDict, Field

from sandbox.callbacks import Callbacks
from sandbox.chats import History
from sandbox.settings import SandboxSettings


class Registration(BaseModel):
    """A number, the app it belongs to and where its webhooks go."""

    model_config = ConfigDict(extra="forbid")

    phone_number_id: str = Field(pattern=r"^[0-9]{1,32}$")
    display_phone_number: str = Field(min_length=1, max_length=32)
    waba_id: str = Field(pattern=r"^[0-9]{1,32}$")
    webhook_url: str = Field(pattern=r"^https?://")
    app_secret: str = Field(min_length=1, repr=False)
    verify_token: str = Field(min_length=1, repr=False)
    access_token: str = Field(min_length=1, repr=False)
    verified_name: str = "Malha"
    """The name customers see above the chat."""
    window: Literal["status", "answer", "off"] = "status"
    """What a free-form message outside the 24-hour window meets: a `failed` status, as Meta does
    it; an error in the answer; or nothing."""


class Number:
    """A registered number and everything that happened on it."""

    def __init__(
        self,
        registration: Registration,
        session: aiohttp.ClientSession,
        settings: SandboxSettings,
    ) -> None:
        self.history = History(settings.history)
        self.callbacks = Callbacks(
            registration.webhook_url, registration.app_secret, session, settings
        )
        self.register(registration)

    def register(self, registration: Registration) -> None:
        """Take a new registration; what happened so far stays."""
        self.registration = registration
        self.callbacks.url = registration.webhook_url
        self.callbacks.secret = registration.app_secret
        self.metadata = {
            "display_phone_number": registration.display_phone_number,
            "phone_number_id": registration.phone_number_id,
        }

    def shown(self) -> dict[str, Any]:
        """The number without its secrets."""
        tally = self.callbacks.tally
        return {
            **self.registration.model_dump(exclude={"app_secret", "verify_token", "access_token"}),
            "chats": len(self.history.chats),
            "sent": self.history.accepted.total(),
            "webhooks": {
                "posted": tally.posted,
                "acknowledged": tally.acknowledged,
                "failed_attempts": tally.failed_attempts,
                "given_up": tally.given_up,
                "pending": self.callbacks.pending,
            },
        }


class Numbers:
    """Every registered number, by its id."""

    def __init__(self, settings: SandboxSettings, session: aiohttp.ClientSession) -> None:
        self._settings = settings
        self._session = session
        self._numbers: dict[str, Number] = {}

    def load(self) -> None:
        """Register again what the state file holds."""
        path = self._settings.state_file
        if not path.exists():
            return
        for item in orjson.loads(path.read_bytes())["numbers"]:
            registration = Registration.model_validate(item)
            self._numbers[registration.phone_number_id] = Number(
                registration, self._session, self._settings
            )

    def put(self, registration: Registration) -> Number:
        """Register a number, or replace its registration."""
        number = self._numbers.get(registration.phone_number_id)
        if number is None:
            number = Number(registration, self._session, self._settings)
            self._numbers[registration.phone_number_id] = number
        else:
            number.register(registration)
        self._save()
        return number

    def remove(self, number: Number) -> None:
        """Forget a number and everything about it."""
        number.callbacks.close()
        self._numbers.pop(number.registration.phone_number_id, None)
        self._save()

    def get(self, phone_number_id: str) -> Number | None:
        """A registered number."""
        return self._numbers.get(phone_number_id)

    def knows_token(self, token: str) -> bool:
        """Whether any number was registered with this access token."""
        return any(number.registration.access_token == token for number in self)

    def __iter__(self) -> Iterator[Number]:
        return iter(self._numbers.values())

    def close(self) -> None:
        """Stop every number's deliveries."""
        for number in self:
            number.callbacks.close()

    def _save(self) -> None:
        state = {"numbers": [number.registration.model_dump() for number in self]}
        write_atomically(self._settings.state_file, orjson.dumps(state, option=orjson.OPT_INDENT_2))


def write_atomically(path: Path, content: bytes) -> None:
    """Replace a file whole or not at all, readable by its owner only: it holds tokens."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
