"""Versions: they change with what a resource says, and with nothing else."""

from __future__ import annotations

import pytest
from google.protobuf.json_format import ParseDict
from hypothesis import given
from hypothesis import strategies as st
from malha.assistants.v1.assistant_pb2 import Assistant
from malha.assistants.v1.assistant_service_pb2 import UpdateAssistantRequest

from services.kit.errors import Aborted
from services.kit.etags import EtagMismatch, etag_of_header, require_etag, with_etag

FIELDS = st.fixed_dictionaries(
    {"id": st.text(max_size=3), "name": st.text(max_size=3), "instructions": st.text(max_size=3)}
)


@given(one=FIELDS, other=FIELDS)
def test_a_version_is_that_of_what_it_says(one: dict[str, str], other: dict[str, str]) -> None:
    made = [with_etag(ParseDict(fields, Assistant())).etag for fields in (one, one, other)]
    assert made[0] == made[1]
    assert (made[0] == made[2]) == (one == other)


def test_a_version_is_not_part_of_itself() -> None:
    assistant = with_etag(Assistant(name="Lia"))
    first = assistant.etag
    assert with_etag(assistant) is assistant
    assert assistant.etag == first
    assert with_etag(Assistant(name="Lia", etag="forged")).etag == first
    assert len(first) == 24


@pytest.mark.parametrize(("said", "refused"), [("", False), ("now", False), ("before", True)])
def test_only_the_version_of_now_may_be_changed(said: str, refused: bool) -> None:
    now = with_etag(Assistant(name="Lia"))
    etags = {"": "", "now": now.etag, "before": with_etag(Assistant(name="Bia")).etag}
    request = UpdateAssistantRequest(etag=etags[said])
    if not refused:
        require_etag(request, now)
        return
    with pytest.raises(EtagMismatch) as caught:
        require_etag(request, now)
    assert isinstance(caught.value, Aborted)


@pytest.mark.parametrize(
    ("header", "etag"),
    [
        ('"abc"', "abc"),
        ('W/"abc"', "abc"),
        ("abc", "abc"),
        (' "abc" ', "abc"),
        ("*", ""),
        ("", ""),
        ('"a", "b"', 'a", "b'),
    ],
)
def test_a_header_names_one_version_or_any(header: str, etag: str) -> None:
    assert etag_of_header(header) == etag
