"""The circuit breaker's rules, whatever happens in whatever order."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.kit.ai.breaker import Attempt, Breaker

ALLOWED, PAUSE = 3, 30.0


def opened(now: float = 0.0) -> Breaker:
    breaker = Breaker(ALLOWED, PAUSE)
    for _ in range(ALLOWED):
        breaker.failed(admitted(breaker, now), now)
    return breaker


def admitted(breaker: Breaker, now: float) -> Attempt:
    attempt = breaker.admit(now)
    assert attempt is not None
    return attempt


def test_failures_in_a_row_open_it() -> None:
    breaker = opened()
    assert breaker.admit(0.0) is None
    assert breaker.admit(PAUSE - 0.001) is None
    assert breaker.closed_in(10.0) == PAUSE - 10.0


def test_a_success_between_failures_keeps_it_closed() -> None:
    breaker = Breaker(ALLOWED, PAUSE)
    for _ in range(10):
        for _ in range(ALLOWED - 1):
            breaker.failed(admitted(breaker, 0.0), 0.0)
        breaker.succeeded(admitted(breaker, 0.0))
    assert breaker.admit(0.0) is not None


def test_after_the_pause_one_may_try_and_closes_it() -> None:
    breaker = opened()
    trial = admitted(breaker, PAUSE)
    assert breaker.admit(PAUSE) is None
    breaker.succeeded(trial)
    assert breaker.admit(PAUSE) is not None
    assert breaker.admit(PAUSE) is not None


def test_a_trial_that_fails_opens_it_again() -> None:
    breaker = opened()
    breaker.failed(admitted(breaker, PAUSE), PAUSE)
    assert breaker.admit(2 * PAUSE - 1) is None
    assert breaker.admit(2 * PAUSE) is not None


def test_a_trial_that_is_abandoned_can_be_made_again() -> None:
    breaker = opened()
    breaker.abandoned(admitted(breaker, PAUSE))
    assert breaker.admit(PAUSE) is not None


def test_a_wait_that_the_provider_asks_for_is_kept() -> None:
    breaker = Breaker(ALLOWED, PAUSE)
    breaker.failed(admitted(breaker, 0.0), 0.0, wait=100.0)
    assert breaker.admit(99.0) is None
    assert breaker.admit(100.0) is not None


def test_old_news_changes_nothing() -> None:
    breaker = Breaker(ALLOWED, PAUSE)
    slow = [admitted(breaker, 0.0) for _ in range(ALLOWED + 2)]
    for attempt in slow[:ALLOWED]:
        breaker.failed(attempt, 0.0)
    breaker.succeeded(slow[ALLOWED])
    assert breaker.admit(1.0) is None, "an answer from before does not close it"
    trial = admitted(breaker, PAUSE)
    breaker.failed(slow[ALLOWED + 1], PAUSE)
    breaker.succeeded(trial)
    assert breaker.admit(PAUSE) is not None, "a failure from before does not spoil the trial"


class AnyOrder(RuleBasedStateMachine):
    """Attempts overlap and end in any order while time passes."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker = Breaker(ALLOWED, PAUSE)
        self.now = 0.0
        self.running: list[Attempt] = []
        self.quiet_until = 0.0
        """No attempt may be admitted before, for the provider asked for it."""

    @rule(seconds=st.floats(0, 2 * PAUSE))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def somebody_asks(self) -> None:
        attempt = self.breaker.admit(self.now)
        if attempt is not None:
            assert self.now >= self.quiet_until
            self.running.append(attempt)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), ending=st.sampled_from(["succeeded", "abandoned", "failed", "wait"]))
    def an_attempt_ends(self, data: st.DataObject, ending: str) -> None:
        attempt = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        before = self.breaker.closed_in(self.now)
        if ending == "succeeded":
            self.breaker.succeeded(attempt)
        elif ending == "abandoned":
            self.breaker.abandoned(attempt)
        elif ending == "failed":
            self.breaker.failed(attempt, self.now)
        else:
            self.breaker.failed(attempt, self.now, wait=100.0)
            if self.breaker.closed_in(self.now) == 100.0 != before:
                self.quiet_until = self.now + 100.0

    @precondition(lambda self: not self.running)
    @rule()
    def it_never_stays_shut_for_ever(self) -> None:
        attempt = self.breaker.admit(self.now + self.breaker.closed_in(self.now))
        assert attempt is not None
        self.breaker.abandoned(attempt)

    @invariant()
    def the_wait_is_never_negative(self) -> None:
        assert self.breaker.closed_in(self.now) >= 0.0


TestAnyOrder = AnyOrder.TestCase
