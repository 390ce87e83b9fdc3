"""What an assistant's configuration may be, and what a change makes of it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from google.protobuf.duration_pb2 import Duration
from hypothesis import given
from hypothesis import strategies as st
from malha.assistants.v1.assistant_service_pb2 import (
    CreateAssistantRequest,
    ModelList,
    UpdateAssistantRequest,
)

from services.assistants.assistants.model import Configuration, longest_wait
from services.kit.errors import InvalidRequest

QUIET = timedelta(seconds=3)
CONFIGURATION = Configuration(
    name="Lia",
    instructions="Seja breve.",
    language="pt-BR",
    models=("openai:gpt-5-mini",),
    quiet_time=QUIET,
    max_wait=None,
    min_score=0.4,
)


def seconds(number: float) -> Duration:
    duration = Duration()
    duration.FromTimedelta(timedelta(seconds=number))
    return duration


def test_a_bare_request_gets_the_defaults() -> None:
    assert Configuration.requested(CreateAssistantRequest(name=" Lia "), QUIET) == Configuration(
        name="Lia",
        instructions="",
        language="pt-BR",
        models=(),
        quiet_time=QUIET,
        max_wait=None,
        min_score=0.0,
    )


def test_a_full_request_is_kept() -> None:
    request = CreateAssistantRequest(
        name="Lia",
        instructions="Seja breve.",
        language="en",
        models=["local", "openai:gpt-5-mini"],
        quiet_time=seconds(0),
        max_wait=seconds(0.5),
        min_score=0.4,
    )
    made = Configuration.requested(request, QUIET)
    assert made.models == ("local", "openai:gpt-5-mini")
    assert (made.quiet_time, made.max_wait) == (timedelta(0), timedelta(seconds=0.5))
    assert (made.language, made.min_score) == ("en", 0.4)


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (CreateAssistantRequest(name="a\0b"), "name"),
        (CreateAssistantRequest(name="a", instructions="\0"), "instructions"),
    ],
)
def test_what_makes_no_sense_is_refused_by_field(
    request_: CreateAssistantRequest, field: str
) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        Configuration.requested(request_, QUIET)
    assert [name for name, _ in refusal.value.violations()] == [field]


@pytest.mark.parametrize(("quiet", "wait"), [(0, 12), (3, 12), (3.5, 14), (10, 40), (60, 240)])
def test_the_longest_wait_follows_the_quiet_time(quiet: float, wait: float) -> None:
    assert longest_wait(timedelta(seconds=quiet)) == timedelta(seconds=wait)


@given(st.timedeltas(timedelta(0), timedelta(seconds=60)))
def test_the_longest_wait_always_leaves_room_and_fits_the_contract(quiet: timedelta) -> None:
    assert quiet <= longest_wait(quiet) <= timedelta(seconds=300)


def test_absent_leaves() -> None:
    assert CONFIGURATION.changed_by(UpdateAssistantRequest()) == CONFIGURATION


def test_present_sets_and_empty_clears() -> None:
    changed = CONFIGURATION.changed_by(
        UpdateAssistantRequest(
            name="Bia",
            instructions="",
            language="en",
            models=ModelList(),
            quiet_time=seconds(0),
            max_wait=seconds(20),
            min_score=0,
        )
    )
    assert changed == Configuration(
        name="Bia",
        instructions="",
        language="en",
        models=(),
        quiet_time=timedelta(0),
        max_wait=timedelta(seconds=20),
        min_score=0.0,
    )


def test_the_longest_wait_may_be_shorter_than_the_pause() -> None:
    patient = CONFIGURATION.changed_by(UpdateAssistantRequest(max_wait=seconds(20)))
    hurried = patient.changed_by(UpdateAssistantRequest(quiet_time=seconds(21)))
    assert (hurried.quiet_time, hurried.max_wait) == (timedelta(seconds=21), timedelta(seconds=20))
    assert CONFIGURATION.changed_by(UpdateAssistantRequest(quiet_time=seconds(21))).max_wait is None
