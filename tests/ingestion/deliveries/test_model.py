"""The rules of deliveries."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from malha.message.v1 import message_pb2 as m

from services.ingestion.channels import CHANNELS
from services.ingestion.channels.base import ExternalId, NotSent, Progress, StatusUpdate
from services.ingestion.deliveries.model import (
    fold,
    opaque_of,
    read_opaque,
    split_message,
    split_text,
    wait_before_retry,
)
from services.kit.ids import new_id

WHATSAPP = CHANNELS["whatsapp"]
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


@given(st.text(max_size=400), st.integers(1, 60))
def test_pieces_fit_and_lose_nothing_but_space_at_the_cuts(text: str, longest: int) -> None:
    pieces = split_text(text, longest)
    assert all(len(piece) <= longest for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())
    if len(text) <= longest:
        assert pieces == [text]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("um dois três", ["um dois", "três"]),
        ("Frase um. Dois", ["Frase um.", "Dois"]),
        ("linha\nabc def", ["linha", "abc def"]),
        ("aaaaa\n\nb c d e", ["aaaaa", "b c d e"]),
        ("abcdefghijklmnopqrst", ["abcdefghij", "klmnopqrst"]),
    ],
)
def test_a_text_is_cut_at_the_best_place(text: str, pieces: list[str]) -> None:
    assert split_text(text, 10) == pieces


def test_a_long_text_is_several_messages_and_only_the_first_answers() -> None:
    message = m.Message(
        id=new_id(),
        type=m.MESSAGE_TYPE_TEXT,
        content=m.Content(text=m.Text(text="palavra " * 1500)),
        context=m.Context(reply_to_external_id="wamid.Q", assistant_id=new_id()),
    )
    parts = split_message(message, WHATSAPP)
    assert len(parts) == 3
    assert [bool(part.context.reply_to_external_id) for part in parts] == [True, False, False]
    assert all(part.id == message.id for part in parts)
    assert all(len(part.content.text.text) <= 4096 for part in parts)


def test_what_a_caption_cannot_hold_follows_as_text() -> None:
    image = m.Image(media=m.Media(url="https://x/y.jpg"), caption="c" * 1025)
    message = m.Message(type=m.MESSAGE_TYPE_IMAGE, content=m.Content(image=image))
    picture, text = split_message(message, WHATSAPP)
    assert picture.content.image.media.url == "https://x/y.jpg"
    assert picture.content.image.caption == ""
    assert text.content.text.text == "c" * 1025
    assert text.type == m.MESSAGE_TYPE_TEXT
    image.caption = "c" * 1024
    short = m.Message(type=m.MESSAGE_TYPE_IMAGE, content=m.Content(image=image))
    assert split_message(short, WHATSAPP) == [short]


def test_what_is_given_along_is_the_messages_id() -> None:
    message_id = new_id()
    assert opaque_of(message_id, 0) == message_id
    assert read_opaque(message_id) == (message_id, 0)
    assert read_opaque(opaque_of(message_id, 2)) == (message_id, 2)
    for foreign in ("", "campaign-7", "x/1", f"{message_id}/x", f"{message_id}/-1x", "/"):
        assert read_opaque(foreign) is None
    # Another app of the business may give along anything, and the database holds small parts only.
    for part in ("99999999999", "9" * 5000, "-1", "0", "1_0", " 1", "１"):
        foreign = f"{message_id}/{part}"
        assert read_opaque(foreign) is None


@given(st.integers(1, 60), st.floats(0, 1), st.sampled_from([2.0, 4.0]))
def test_waits_grow_and_end(attempts: int, spread: float, growth: float) -> None:
    error = NotSent("x", growth=growth)
    wait = wait_before_retry(error, attempts, spread)
    assert min(growth**attempts, 300) <= wait <= 375
    assert wait <= wait_before_retry(error, attempts + 1, spread)
    asked = wait_before_retry(NotSent("x", retry_after=7), attempts, spread)
    assert 7 <= asked <= 8.75


def _update(progress: Progress, seconds: int) -> StatusUpdate:
    reason = "131026" if progress is Progress.FAILED else ""
    time = NOW + timedelta(seconds=seconds)
    return StatusUpdate(ExternalId("wamid.1"), progress, time, reason, "")


def test_statuses_come_to_the_same_in_every_order() -> None:
    updates = [
        _update(Progress.SENT, 1),
        _update(Progress.DELIVERED, 2),
        _update(Progress.READ, 3),
        _update(Progress.READ, 4),
        _update(Progress.FAILED, 5),
    ]
    results = {
        (r.status, r.reason, tuple(r.time(p) for p in Progress))
        for order in permutations(updates)
        for r in fold(order, NOW)
    }
    times = tuple(NOW + timedelta(seconds=s) for s in (1, 2, 3, 5))
    assert results == {(Progress.READ, "", times)}


def test_a_failure_outlives_a_late_sent() -> None:
    for order in permutations([_update(Progress.SENT, 1), _update(Progress.FAILED, 2)]):
        (report,) = fold(order, NOW)
        assert (report.status, report.reason) == (Progress.FAILED, "131026")
