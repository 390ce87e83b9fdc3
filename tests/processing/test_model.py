"""The rules that need no database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from malha.message.v1.message_pb2 import (
    Contacts,
    Content,
    Document,
    Image,
    InteractiveReply,
    Location,
    Message,
    Party,
    Reaction,
    Sticker,
    Text,
    Unsupported,
)

from services.processing.buffering.model import (
    Act,
    OpenTurn,
    Patience,
    Waiting,
    next_step,
)
from services.processing.conversations.model import Identifiers, is_late, triggers
from services.processing.timers import Place
from services.processing.turns.model import refusal
from services.processing.words import words_of

START = datetime(2026, 8, 3, tzinfo=UTC)
PATIENCE = Patience(
    sweep_after=timedelta(seconds=2),
    hold_for=timedelta(seconds=5),
    ask_again_after=timedelta(seconds=60),
    give_up_after=timedelta(seconds=180),
    max_supersedes=2,
)

times = st.integers(-1000, 1000).map(lambda seconds: START + timedelta(seconds=seconds))
buffers = st.none() | st.builds(Waiting, first_time=times, due_time=times)
turns = st.none() | st.builds(
    OpenTurn,
    ready=st.booleans(),
    supersedes=st.integers(0, 3),
    attempt_time=times,
    asked_time=times,
)


@given(waiting=buffers, turn=turns, claimed=st.none() | times)
def test_whatever_is_unfinished_is_looked_at_again(
    waiting: Waiting | None, turn: OpenTurn | None, claimed: datetime | None
) -> None:
    step = next_step(START, waiting, turn, claimed, PATIENCE)
    if waiting or turn or claimed:
        assert step.look_again is not None
        assert step.look_again > START or (waiting and waiting.due_time > START)
    else:
        assert step.look_again is None and step.act is Act.REST


@given(waiting=buffers, turn=turns, claimed=st.none() | times)
def test_nothing_is_handed_on_before_it_is_due_and_never_past_the_limit(
    waiting: Waiting | None, turn: OpenTurn | None, claimed: datetime | None
) -> None:
    act = next_step(START, waiting, turn, claimed, PATIENCE).act
    due = waiting is not None and waiting.due_time <= START
    assert (act is Act.OPEN) == (due and turn is None)
    assert (act is Act.SUPERSEDE) == (due and turn is not None and turn.supersedes < 2)


@given(turn=turns)
def test_a_turn_that_is_ready_is_never_given_up(turn: OpenTurn | None) -> None:
    act = next_step(START, None, turn, None, PATIENCE).act
    if act is Act.GIVE_UP:
        assert turn is not None and not turn.ready
        assert START - turn.attempt_time >= PATIENCE.give_up_after


def test_a_held_buffer_is_looked_at_every_few_seconds() -> None:
    turn = OpenTurn(ready=False, supersedes=2, attempt_time=START, asked_time=START)
    step = next_step(START, Waiting(START, START), turn, None, PATIENCE)
    assert (step.act, step.look_again) == (Act.REST, START + timedelta(seconds=5))


def test_a_claimed_reply_without_news_is_asked_for_again() -> None:
    long_ago = START - timedelta(seconds=61)
    assert next_step(START, None, None, long_ago, PATIENCE).act is Act.DELIVER_AGAIN
    assert next_step(START, None, None, START, PATIENCE).act is Act.REST


@pytest.mark.parametrize(
    ("type", "content", "asks"),
    [
        ("TEXT", Content(text=Text(text="oi")), True),
        ("TEXT", Content(text=Text(text="  ")), False),
        ("INTERACTIVE_REPLY", Content(interactive_reply=InteractiveReply(title="Sim")), True),
        ("IMAGE", Content(image=Image(caption="tem essa?")), True),
        ("IMAGE", Content(image=Image()), False),
        ("DOCUMENT", Content(document=Document(filename="a.pdf")), False),
        ("LOCATION", Content(location=Location(latitude=-12.9, longitude=-38.5)), True),
        ("CONTACTS", Content(contacts=Contacts(cards=[Contacts.Card(name="Bia")])), True),
        ("STICKER", Content(sticker=Sticker()), False),
        ("REACTION", Content(reaction=Reaction(emoji="👍")), False),
        ("UNSUPPORTED", Content(unsupported=Unsupported(original_type="poll")), False),
    ],
)
def test_what_asks_for_an_answer(type: str, content: Content, asks: bool) -> None:
    message = Message(type=f"MESSAGE_TYPE_{type}", content=content)
    assert triggers(message) == asks
    assert words_of(message)


def test_identifiers_are_each_named_once_the_messages_own_first() -> None:
    party = Party(id="BR.1", kind="bsuid", aliases={"wa_id": "5511", "bsuid": "BR.1"})
    found = Identifiers.of(party)
    assert (found.kinds, found.values) == (["bsuid", "wa_id"], ["BR.1", "5511"])
    assert found.lowest == ("bsuid", "BR.1")


def test_late_is_later_than_the_limit() -> None:
    hour = timedelta(hours=1)
    assert is_late(START - hour - timedelta(seconds=1), START, hour)
    assert not is_late(START - hour, START, hour)
    assert not is_late(START + hour, START, hour)


@pytest.mark.parametrize(
    ("status", "failure", "its_reply", "reason"),
    [
        ("generating", "", False, "SUPERSEDED"),
        ("ready", "", False, "SUPERSEDED"),
        ("sending", "", False, "SUPERSEDED"),
        ("sending", "", True, "PERSON_TOOK_OVER"),
        ("cancelled", "PERSON_TOOK_OVER", True, "PERSON_TOOK_OVER"),
        ("done", "", True, "TURN_ENDED"),
        ("failed", "X", False, "TURN_ENDED"),
        (None, "", False, "TURN_ENDED"),
    ],
)
def test_why_a_reply_may_not_leave(
    status: str | None, failure: str, its_reply: bool, reason: str
) -> None:
    assert refusal(status, failure, its_reply) == reason


def test_a_place_survives_valkey() -> None:
    place = Place("t", "", "c")
    assert Place.parse(str(place)) == place
