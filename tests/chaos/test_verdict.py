"""The judge can condemn: each planted fault is found, and nothing is found where there is none."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.chaos.verdict import Evidence, Offered, Sent, Side, Stored, Turn, Verdict, judge

QUIET = timedelta(seconds=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
BOREAL = Side("tenant-boreal", "connection-boreal", "1001")
AUSTRAL = Side("tenant-austral", "connection-austral", "2002")


@dataclass
class Records:
    """Evidence that can be tampered with."""

    offered: list[Offered] = field(default_factory=list)
    accepted: dict[str, int] = field(default_factory=dict)
    stored: list[Stored] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)

    def judged(self) -> Verdict:
        return judge(
            Evidence(self.offered, self.accepted, self.stored, self.turns, self.sent, QUIET)
        )

    def burst(self, side: Side, customer: str, *seconds: float, torn_before: int = 9) -> None:
        """Messages stored at these seconds; from place `torn_before` on in a turn of their own."""
        for place, second in enumerate(seconds):
            part = int(place >= torn_before)
            wamid, code = f"wamid.{customer}.{place}", f"CODE-{side.number}-{place}"
            turn_id = f"turn.{customer}.{part}"
            self.offered.append(Offered(wamid, side, customer, code))
            self.accepted[wamid] = 1
            self.stored.append(
                Stored(
                    side.tenant_id,
                    side.connection_id,
                    wamid,
                    customer,
                    turn_id,
                    START + timedelta(seconds=second),
                )
            )
            reply = f"reply.{customer}.{part}"
            if not any(turn.id == turn_id for turn in self.turns):
                self.turns.append(
                    Turn(turn_id, side.tenant_id, side.connection_id, customer, reply, "read")
                )
                self.sent.append(Sent(side.number, customer, reply, f"É o {code}."))


@pytest.fixture
def records() -> Records:
    """Two businesses, three customers, four messages, all as it should be."""
    records = Records()
    records.burst(BOREAL, "ana", 0.0, 0.3)
    records.burst(BOREAL, "bia", 0.1)
    records.burst(AUSTRAL, "caio", 0.2)
    return records


def found(verdict: Verdict) -> tuple[int, int, int]:
    return verdict.lost, verdict.doubled, verdict.crossed


def test_nothing_is_found_where_nothing_is_wrong(records: Records) -> None:
    verdict = records.judged()
    assert verdict.clean
    assert json.loads(verdict.line()) == {
        "name": "chaos",
        "messages": 4,
        "stored": 4,
        "turns": 3,
        "answered": 3,
        "lost": 0,
        "doubled": 0,
        "crossed": 0,
        "unsettled": 0,
    }


def never_accepted(records: Records) -> None:
    del records.accepted["wamid.bia.0"]


def accepted_and_never_stored(records: Records) -> None:
    del records.stored[1]


def stored_and_never_collected(records: Records) -> None:
    records.stored[1] = replace(records.stored[1], turn_id=None)


def in_a_turn_that_is_gone(records: Records) -> None:
    records.stored[1] = replace(records.stored[1], turn_id="turn.nobody")


def answer_never_sent(records: Records) -> None:
    del records.sent[0]


def turn_without_an_answer(records: Records) -> None:
    records.turns[1] = replace(records.turns[1], reply_id=None)
    del records.sent[1]


def unknown_though_nobody_was_killed(records: Records) -> None:
    records.turns[0] = replace(records.turns[0], delivery="unknown")
    del records.sent[0]


def failed_when_its_sender_was_killed(records: Records) -> None:
    records.turns[0] = replace(records.turns[0], delivery="failed", torn=True)
    del records.sent[0]


@pytest.mark.parametrize(
    "plant",
    [
        never_accepted,
        accepted_and_never_stored,
        stored_and_never_collected,
        in_a_turn_that_is_gone,
        answer_never_sent,
        turn_without_an_answer,
        unknown_though_nobody_was_killed,
        failed_when_its_sender_was_killed,
    ],
)
def test_a_loss_is_found(records: Records, plant: Callable[[Records], None]) -> None:
    plant(records)
    assert found(records.judged()) == (1, 0, 0)


def accepted_again(records: Records) -> None:
    records.accepted["wamid.bia.0"] = 2


def stored_again(records: Records) -> None:
    records.stored.append(records.stored[0])


def answered_again(records: Records) -> None:
    records.sent.append(records.sent[0])


def withheld_answer_sent_all_the_same(records: Records) -> None:
    records.sent.append(Sent(BOREAL.number, "ana", "reply.superseded", "Olá!"))


@pytest.mark.parametrize(
    "plant", [accepted_again, stored_again, answered_again, withheld_answer_sent_all_the_same]
)
def test_a_double_is_found(records: Records, plant: Callable[[Records], None]) -> None:
    plant(records)
    assert found(records.judged()) == (0, 1, 0)


def stored_with_another_customer(records: Records) -> None:
    records.stored[2] = replace(records.stored[2], customer="ana", turn_id="turn.ana.0")


def stored_by_another_business(records: Records) -> None:
    records.turns[1] = replace(records.turns[1], tenant_id=AUSTRAL.tenant_id)
    records.stored[2] = replace(records.stored[2], tenant_id=AUSTRAL.tenant_id)


def collected_by_another_customers_turn(records: Records) -> None:
    records.turns[1] = replace(records.turns[1], customer="zoe")
    records.sent[1] = replace(records.sent[1], customer="zoe", text="Olá!")


def sent_to_another_customer(records: Records) -> None:
    records.sent[1] = replace(records.sent[1], customer="ana", text="Olá!")


def sent_through_another_number(records: Records) -> None:
    records.sent[1] = replace(records.sent[1], number=AUSTRAL.number, text="Olá!")


def told_what_another_business_knows(records: Records) -> None:
    records.sent[1] = replace(records.sent[1], text="É o CODE-2002-0.")


def told_what_another_customer_asked(records: Records) -> None:
    records.sent[1] = replace(records.sent[1], text="É o CODE-1001-1.")


def stored_though_nobody_wrote_it(records: Records) -> None:
    records.stored.append(replace(records.stored[0], wamid="wamid.stranger"))


@pytest.mark.parametrize(
    "plant",
    [
        stored_by_another_business,
        collected_by_another_customers_turn,
        sent_to_another_customer,
        sent_through_another_number,
        told_what_another_business_knows,
        told_what_another_customer_asked,
        stored_though_nobody_wrote_it,
    ],
)
def test_a_crossing_is_found(records: Records, plant: Callable[[Records], None]) -> None:
    plant(records)
    verdict = records.judged()
    assert (verdict.lost, verdict.doubled) == (0, 0)
    assert verdict.crossed >= 1


def test_a_message_stored_with_another_customer_is_found(records: Records) -> None:
    stored_with_another_customer(records)
    assert records.judged().crossed == 1


def test_a_burst_that_was_torn_apart_gets_an_answer_to_each_part() -> None:
    records = Records()
    records.burst(BOREAL, "ana", 0.0, 0.2, 1.6, 1.7, torn_before=2)
    verdict = records.judged()
    assert verdict.clean
    assert (verdict.turns, verdict.answered, verdict.torn_apart) == (2, 2, 1)


def test_two_answers_to_a_burst_that_was_not_torn_apart_are_found() -> None:
    records = Records()
    records.burst(BOREAL, "ana", 0.0, 0.2, 0.9, 1.0, torn_before=2)
    assert found(records.judged()) == (0, 1, 0)


def test_an_answer_that_nobody_knows_the_fate_of_is_counted_apart(records: Records) -> None:
    records.turns[0] = replace(records.turns[0], delivery="unknown", torn=True)
    del records.sent[0]
    verdict = records.judged()
    assert found(verdict) == (0, 0, 0)
    assert (verdict.answered, verdict.unsettled) == (2, 1)


def test_an_unknown_outcome_that_the_provider_had_accepted_is_an_answer(records: Records) -> None:
    records.turns[0] = replace(records.turns[0], delivery="unknown", torn=True)
    verdict = records.judged()
    assert (verdict.answered, verdict.unsettled) == (3, 0)


def test_the_parts_of_a_long_answer_are_one_answer(records: Records) -> None:
    records.sent.append(replace(records.sent[0], message_id="reply.ana.0/1"))
    assert records.judged().clean
    records.sent.append(records.sent[-1])
    assert found(records.judged()) == (0, 1, 0)
