"""Meta's errors: the JSON body of a refused call, and the same error inside a `failed` status."""

import secrets
from typing import Any, NamedTuple

DOCS = "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/"


class _Kind(NamedTuple):
    status: int
    title: str
    details: str


_KINDS: dict[int, _Kind] = {
    4: _Kind(429, "Application request limit reached", "Too many calls; try again later."),
    100: _Kind(400, "Invalid parameter", "A parameter of the request is not valid."),
    104: _Kind(401, "An access token is required to request this resource.", ""),
    190: _Kind(401, "Invalid OAuth access token - Cannot parse access token", ""),
    130429: _Kind(400, "Rate limit hit", "Cloud API message throughput has been reached."),
    130472: _Kind(400, "User's number is part of an experiment", "Message was not sent."),
    131000: _Kind(500, "Something went wrong", "Message failed to send due to an unknown error."),
    131008: _Kind(400, "Required parameter is missing", "A required parameter is missing."),
    131009: _Kind(400, "Parameter value is not valid", "A parameter value is not valid."),
    131016: _Kind(503, "Service unavailable", "A service is temporarily unavailable."),
    131026: _Kind(400, "Message undeliverable", "Message Undeliverable."),
    131031: _Kind(403, "Account has been locked", "The business account has been locked."),
    131047: _Kind(
        400,
        "Re-engagement message",
        "Message failed to send because more than 24 hours have passed since the customer last"
        " replied to this number.",
    ),
    131048: _Kind(400, "Spam rate limit hit", "Message failed: this number sent too much spam."),
    131049: _Kind(400, "Meta chose not to deliver", "Kept back for healthy ecosystem engagement."),
    131050: _Kind(400, "User has stopped marketing messages", "The customer opted out."),
    131051: _Kind(400, "Unsupported message type", "Message type is not supported."),
    131052: _Kind(400, "Media download error", "The media could not be downloaded."),
    131053: _Kind(400, "Media upload error", "The media could not be uploaded."),
    131056: _Kind(
        400,
        "(Business Account, Consumer Account) pair rate limit hit",
        "Too many messages sent from this number to the same customer in a short time.",
    ),
    132001: _Kind(404, "Template name does not exist in the translation", "Unknown template."),
}


class GraphError(Exception):
    """A call that Meta would refuse."""

    def __init__(
        self, code: int, details: str | None = None, *, message: str | None = None, subcode: int = 0
    ) -> None:
        super().__init__(f"Graph error {code}")
        kind = _KINDS[code]
        self.status = kind.status
        self.code = code
        self.subcode = subcode
        self.title = message or kind.title
        self.details = kind.details if details is None else details

    def body(self) -> dict[str, Any]:
        """The answer's JSON."""
        # The two token errors are the only ones that Meta writes without their number in front.
        token = self.code in (104, 190)
        error: dict[str, Any] = {
            "message": self.title if token else f"(#{self.code}) {self.title}",
            "type": "GraphMethodException" if self.subcode == 33 else "OAuthException",
            "code": self.code,
        }
        if self.subcode:
            error["error_subcode"] = self.subcode
        if self.details:
            error["error_data"] = {"messaging_product": "whatsapp", "details": self.details}
        error["fbtrace_id"] = "A" + secrets.token_urlsafe(16)
        return {"error": error}


def known_codes() -> frozenset[int]:
    """Every code the sandbox can answer or report with."""
    return frozenset(_KINDS)


def status_error(code: int) -> dict[str, Any]:
    """One element of `errors` in a `failed` status."""
    kind = _KINDS[code]
    return {
        "code": code,
        "title": kind.title,
        "message": kind.title,
        "error_data": {"details": kind.details},
        "href": DOCS,
    }
