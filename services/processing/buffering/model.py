"""When a buffer is handed on, and what becomes of a turn that does not move."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits in a conversation."""

    first_time: datetime
    due_time: datetime


@dataclass(frozen=True, slots=True)
class OpenTurn:
    """The turn whose answer may still be held back: it is being made, or is ready."""

    ready: bool
    supersedes: int
    attempt_time: datetime
    asked_time: datetime


@dataclass(frozen=True, slots=True)
class Patience:
    """How long things may take before somebody looks again."""

    sweep_after: timedelta
    hold_for: timedelta
    ask_again_after: timedelta
    give_up_after: timedelta
    max_supersedes: int


class Act(Enum):
    """What to do about a conversation now."""

    OPEN = auto()
    """Open a turn for what waits."""
    SUPERSEDE = auto()
    """Add what waits to the open turn, which starts again: the customer gets one answer."""
    ASK_AGAIN = auto()
    """Nobody has heard of the open turn for long: its command may be lost."""
    DELIVER_AGAIN = auto()
    """A reply was claimed for sending, and nobody has told what became of it."""
    GIVE_UP = auto()
    """There is no answer in time: say so."""
    REST = auto()
    """Nothing yet."""


@dataclass(frozen=True, slots=True)
class Step:
    """What to do now, and when to look again at the latest."""

    act: Act
    look_again: datetime | None


def next_step(
    now: datetime,
    waiting: Waiting | None,
    turn: OpenTurn | None,
    claimed: datetime | None,
    patience: Patience,
) -> Step:
    """What a conversation needs. `claimed` is when a reply under way was last asked for.

    What is due opens a turn, or joins the open one. A customer who never stops writing cannot keep
    an answer from leaving: after `max_supersedes` what waits is held until the open turn ends.
    """
    due = waiting is not None and waiting.due_time <= now
    if due and turn is None:
        return Step(Act.OPEN, now + patience.ask_again_after)
    if due and turn is not None and turn.supersedes < patience.max_supersedes:
        return Step(Act.SUPERSEDE, now + patience.ask_again_after)
    act = Act.REST
    looks = []
    if waiting is not None:
        looks.append(now + patience.hold_for if due else waiting.due_time + patience.sweep_after)
    if turn is not None:
        if not turn.ready and turn.attempt_time + patience.give_up_after <= now:
            act = Act.GIVE_UP
        elif turn.asked_time + patience.ask_again_after <= now:
            act = Act.ASK_AGAIN
        looks.append((turn.asked_time if act is Act.REST else now) + patience.ask_again_after)
    if claimed is not None:
        if act is Act.REST and claimed + patience.ask_again_after <= now:
            act, claimed = Act.DELIVER_AGAIN, now
        # Overdue and yet not its turn: it is next.
        looks.append(max(claimed + patience.ask_again_after, now + patience.hold_for))
    return Step(act, min(looks, default=None))
