"""A figure says plainly whether its budget is met, and a broken measurement says that it broke."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from tests.bench import knowledge
from tests.bench.__main__ import report
from tests.bench.figure import Figure, Invalid, percentile


def test_a_line_holds_what_a_reader_needs() -> None:
    figure = Figure("reads", 1234.56789, "requests/s", 0.5, "at least", baseline=2000.0)
    assert json.loads(figure.line()) == {
        "name": "reads",
        "value": 1235.0,
        "unit": "requests/s",
        "baseline": 2000.0,
        "ratio": 0.6173,
        "budget": 0.5,
        "met": True,
    }


@pytest.mark.parametrize(
    ("figure", "met"),
    [
        (Figure("x", 59.0, "1/s", 0.6, "at least", baseline=100.0), False),
        (Figure("x", 60.0, "1/s", 0.6, "at least", baseline=100.0), True),
        (Figure("x", 199.9, "1/s", 200.0, "at least"), False),
        (Figure("x", 50.1, "ms", 50.0, "at most"), False),
        (Figure("x", 50.0, "ms", 50.0, "at most"), True),
        (Figure("x", 1.0, "ms", None, "at most"), None),
    ],
)
def test_a_budget_is_met_or_not(figure: Figure, met: bool | None) -> None:
    assert figure.met is met


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(number) for number in range(1, 101)]
    assert (percentile(values, 0.5), percentile(values, 0.95), percentile(values, 1)) == (
        50.0,
        95.0,
        100.0,
    )
    assert percentile([7.0], 0.99) == 7.0
    with pytest.raises(Invalid):
        percentile([], 0.5)


async def test_what_breaks_is_told_and_what_was_measured_before_is_kept(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def broken() -> AsyncIterator[Figure]:
        yield Figure("one", 1.0, "s", None, "at most")
        raise Invalid("three of four came")

    assert not await report("two", broken())
    told = capsys.readouterr()
    assert json.loads(told.out)["name"] == "one"
    assert "three of four came" in told.err


async def test_a_budget_that_is_not_met_breaks_nothing() -> None:
    async def slow() -> AsyncIterator[Figure]:
        yield Figure("boot", 99.0, "s", 10.0, "at most")

    assert await report("boot", slow())


def test_every_passage_of_the_corpus_says_something_of_its_own() -> None:
    texts, questions = knowledge.corpus()
    assert len(set(texts)) == len(texts) == knowledge.PASSAGES
    # Shorter ones would be joined with their neighbours, longer ones cut.
    assert all(80 <= len(text) <= 600 for text in texts)
    assert len(questions) == knowledge.QUERIES
