"""What can be made to go wrong, and for how many sends."""

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, field_validator

from sandbox.errors import known_codes


class Throttle(BaseModel):
    """Refuse sends with a rate error."""

    model_config = ConfigDict(extra="forbid")

    code: Literal[429, 130429, 131056] = 130429
    """429 answers with that HTTP status and code 4; the others are HTTP 400 with the code."""
    times: int = Field(default=1, ge=0)


class Faults(BaseModel):
    """One set of faults. A send meets one of throttle, error_500, timeout, drop_after_accept."""

    model_config = ConfigDict(extra="forbid")

    delay_ms: int = Field(default=0, ge=0, le=120_000)
    """Wait this long before a send is looked at."""
    status_delay_ms: int | None = Field(default=None, ge=0, le=600_000)
    """Gap between the statuses of a message, instead of the usual times."""
    repeat: int = Field(default=1, ge=1, le=100)
    """Deliver each webhook this many times."""
    reorder: bool = False
    """Post the statuses of a message in the opposite order."""
    batch: int = Field(default=1, ge=1, le=1000)
    """Put up to this many waiting statuses in one webhook."""
    throttle: Throttle | None = None
    error_500_times: int = Field(default=0, ge=0)
    """Answer HTTP 500; the message is not accepted."""
    timeout_times: int = Field(default=0, ge=0)
    """Give no answer for a long time, then close; the message is not accepted."""
    drop_after_accept_times: int = Field(default=0, ge=0)
    """Accept the message, then close the connection without an answer."""
    no_status: bool = False
    """Report nothing about a message."""
    early_status: bool = False
    """Deliver the `sent` status before the send is answered."""
    fail_code: int | None = None
    """Accept the message, then report it as failed with this code."""
    limits: dict[str, PositiveInt] = Field(default_factory=dict)
    """For how many sends a fault lasts: `{"delay_ms": 3}`. Others last until they are changed."""

    @field_validator("fail_code")
    @classmethod
    def _known_code(cls, value: int | None) -> int | None:
        if value is not None and value not in known_codes():
            raise ValueError(f"expected one of {sorted(known_codes())}")
        return value

    @field_validator("limits")
    @classmethod
    def _limitable(cls, value: dict[str, int]) -> dict[str, int]:
        if strange := sorted(value.keys() - _LIMITABLE):
            raise ValueError(f"{', '.join(strange)}: expected {', '.join(sorted(_LIMITABLE))}")
        return value


_LIMITABLE = frozenset(
    {
        "delay_ms",
        "status_delay_ms",
        "repeat",
        "reorder",
        "batch",
        "no_status",
        "early_status",
        "fail_code",
    }
)
_COUNTED: tuple[Literal["error_500", "timeout", "drop_after_accept"], ...] = (
    "error_500",
    "timeout",
    "drop_after_accept",
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens to one send."""

    delay_ms: int = 0
    status_delay_ms: int | None = None
    repeat: int = 1
    reorder: bool = False
    batch: int = 1
    throttle: int | None = None
    interrupt: Literal["error_500", "timeout", "drop_after_accept"] | None = None
    no_status: bool = False
    early_status: bool = False
    fail_code: int | None = None


SMOOTH = Plan()


class FaultBoard:
    """The faults in force: a number's own set when it has one, else the set for all numbers."""

    def __init__(self) -> None:
        self._everyone: Faults | None = None
        self._numbers: dict[str, Faults] = {}

    def put(self, faults: Faults | None, number: str | None = None) -> None:
        """Replace a set; None removes it."""
        if number is None:
            self._everyone = faults
        elif faults is None:
            self._numbers.pop(number, None)
        else:
            self._numbers[number] = faults

    def shown(self, number: str | None = None) -> Faults:
        """The set as it stands, with the counts that are left."""
        found = self._everyone if number is None else self._numbers.get(number)
        return found or Faults()

    def for_send(self, number: str) -> Plan:
        """Decide what happens to the next send, and count it."""
        faults = self._numbers.get(number) or self._everyone
        if faults is None:
            return SMOOTH
        throttle = interrupt = None
        if faults.throttle is not None and faults.throttle.times > 0:
            faults.throttle.times -= 1
            throttle = faults.throttle.code
        else:
            interrupt = _interrupt(faults)
        plan = Plan(
            delay_ms=faults.delay_ms,
            status_delay_ms=faults.status_delay_ms,
            repeat=faults.repeat,
            reorder=faults.reorder,
            batch=faults.batch,
            throttle=throttle,
            interrupt=interrupt,
            no_status=faults.no_status,
            early_status=faults.early_status,
            fail_code=faults.fail_code,
        )
        for name in list(faults.limits):
            _spend(faults, name)
        return plan

    def repeat_for_inbound(self, number: str) -> int:
        """How often a customer's webhook is delivered; spends the limit of `repeat` only."""
        faults = self._numbers.get(number) or self._everyone
        if faults is None:
            return 1
        repeat = faults.repeat
        _spend(faults, "repeat")
        return repeat


def _interrupt(
    faults: Faults,
) -> Literal["error_500", "timeout", "drop_after_accept"] | None:
    for name in _COUNTED:
        left: int = getattr(faults, f"{name}_times")
        if left > 0:
            setattr(faults, f"{name}_times", left - 1)
            return name
    return None


def _spend(faults: Faults, name: str) -> None:
    """One use less for a limited fault; after the last one it goes back to its default."""
    left = faults.limits.get(name)
    if left is None:
        return
    if left > 1:
        faults.limits[name] = left - 1
        return
    del faults.limits[name]
    setattr(faults, name, Faults.model_fields[name].get_default())
