"""When each step of a start began and ended."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(slots=True)
class Step:
    """One step, in seconds since the start."""

    name: str
    began: float
    ended: float | None = None


class Timeline:
    """The steps of one start; many run side by side."""

    def __init__(self) -> None:
        self._zero = time.monotonic()
        self.steps: list[Step] = []

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._zero

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Record what happens inside as a step."""
        step = Step(name, self.elapsed)
        self.steps.append(step)
        try:
            yield
        finally:
            step.ended = self.elapsed

    def __str__(self) -> str:
        """One line for each step: from, to, and a bar in between."""
        total = max((step.ended or step.began for step in self.steps), default=0.0) or 1.0
        width = 40
        lines = []
        for step in sorted(self.steps, key=lambda step: step.began):
            ended = step.ended or self.elapsed
            left = round(step.began / total * width)
            bar = "━" * max(1, round((ended - step.began) / total * width))
            lines.append(f"{step.name:<14}{step.began:6.2f} s {ended:6.2f} s  {' ' * left}{bar}")
        return "\n".join(lines)
