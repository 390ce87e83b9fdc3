"""A measured figure next to its budget."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Bound = Literal["at least", "at most"]


class Invalid(Exception):
    """What was measured does not count: something was lost, refused or never came."""


@dataclass(frozen=True)
class Figure:
    """One line of the report. The budget is for the ratio where there is one, or for the value."""

    name: str
    value: float
    unit: str
    budget: float | None
    bound: Bound
    baseline: float | None = None

    @property
    def ratio(self) -> float | None:
        """The value as a part of the baseline."""
        return None if self.baseline is None else self.value / self.baseline

    @property
    def met(self) -> bool | None:
        """Whether the budget is kept; None for a figure without one."""
        if self.budget is None:
            return None
        measured = self.value if self.ratio is None else self.ratio
        return measured >= self.budget if self.bound == "at least" else measured <= self.budget

    def line(self) -> str:
        """The figure as a line of JSON."""
        return json.dumps(
            {
                "name": self.name,
                "value": significant(self.value),
                "unit": self.unit,
                "baseline": None if self.baseline is None else significant(self.baseline),
                "ratio": None if self.ratio is None else significant(self.ratio),
                "budget": self.budget,
                "met": self.met,
            },
            allow_nan=False,
        )


def significant(value: float, digits: int = 4) -> float:
    """No more digits than a measurement has."""
    return float(f"{value:.{digits}g}")


def percentile(values: Sequence[float], part: float) -> float:
    """The smallest value that at least this part of all values do not exceed."""
    if not values:
        raise Invalid("nothing was measured")
    ordered = sorted(values)
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]


def note(text: str) -> None:
    """Something for the person who reads along."""
    print(text, file=sys.stderr, flush=True)
