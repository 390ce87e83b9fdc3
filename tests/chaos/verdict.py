"""The judge: what customers sent, what was stored, what was answered, and whether it fits.

Pure rules over three records that know nothing of each other: our own of what was acknowledged,
the database's, and the sandbox's of what it accepted.

lost     an acknowledged message that is not stored, a stored one that no turn collected, a turn
         whose answer no customer got.
doubled  a message that was accepted or stored again, a second answer to a turn, an answer that
         belongs to no turn, and a second turn for a burst that nothing had torn apart.
crossed  a message with another business or customer than the one that wrote it, an answer that
         went to another customer or through another business's number, or that says what only
         another one had asked for.

A burst is torn apart when its messages reached the conversation with a pause of a quiet time
between them: then the customer had fallen silent as far as anybody could know, and gets an answer
to each part. Every message is still in exactly one turn, and every turn has exactly one answer.

An answer that was being sent when its sender was killed, and that the provider does not know, is
neither: nobody can tell such a send from one whose status is still to come, and sending it again
could double it. It is counted apart, as unsettled.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Side:
    """A business as it is known to each record."""

    tenant_id: str
    connection_id: str
    number: str
    """Its phone number's id at the provider."""


@dataclass(frozen=True)
class Offered:
    """A message that a customer wrote and that was acknowledged. A customer writes one burst."""

    wamid: str
    side: Side
    customer: str
    code: str
    """The word that only the answer to this question holds."""


@dataclass(frozen=True)
class Stored:
    """A customer's message in the database."""

    tenant_id: str
    connection_id: str
    wamid: str
    customer: str
    turn_id: str | None
    create_time: datetime


@dataclass(frozen=True)
class Turn:
    """An answer that was made."""

    id: str
    tenant_id: str
    connection_id: str
    customer: str
    reply_id: str | None
    """The message that is its answer; an earlier attempt's is no answer any more."""
    delivery: str = ""
    """How far its delivery is, where there is one."""
    torn: bool = False
    """Its sender was killed in the middle of the send."""


@dataclass(frozen=True)
class Sent:
    """A send that the provider accepted."""

    number: str
    customer: str
    message_id: str
    """What came along with it: our message, with a part when there are several."""
    text: str


@dataclass(frozen=True)
class Evidence:
    """All three records."""

    offered: Sequence[Offered]
    accepted: Mapping[str, int]
    """How often the ledger accepted each wamid."""
    stored: Sequence[Stored]
    turns: Sequence[Turn]
    sent: Sequence[Sent]
    quiet: timedelta


@dataclass
class Verdict:
    """What the judge found."""

    messages: int = 0
    stored: int = 0
    turns: int = 0
    answered: int = 0
    unsettled: int = 0
    torn_apart: int = 0
    """Bursts in more than one turn, for a reason."""
    findings: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    @property
    def lost(self) -> int:
        return len(self.findings["lost"])

    @property
    def doubled(self) -> int:
        return len(self.findings["doubled"])

    @property
    def crossed(self) -> int:
        return len(self.findings["crossed"])

    @property
    def clean(self) -> bool:
        """Nothing lost, doubled or crossed."""
        return not any(self.findings.values())

    def line(self) -> str:
        """The verdict as a line of JSON."""
        names = ("messages", "stored", "turns", "answered", "lost", "doubled", "crossed")
        told = {name: getattr(self, name) for name in names}
        return json.dumps({"name": "chaos", **told, "unsettled": self.unsettled})


SLACK = timedelta(milliseconds=100)
"""A pause may look shorter than it was: its ends are noted before they are committed."""


def judge(evidence: Evidence) -> Verdict:
    """Weigh the evidence."""
    verdict = Verdict(messages=len(evidence.offered), turns=len(evidence.turns))
    _judge_messages(evidence, verdict)
    _judge_answers(evidence, verdict)
    _judge_bursts(evidence, verdict)
    return verdict


def _judge_messages(evidence: Evidence, verdict: Verdict) -> None:
    """Every acknowledged message is one stored message of its customer, in one turn."""
    lost, doubled, crossed = (verdict.findings[name] for name in ("lost", "doubled", "crossed"))
    stored: dict[str, list[Stored]] = defaultdict(list)
    for message in evidence.stored:
        stored[message.wamid].append(message)
    turns = {(turn.tenant_id, turn.id): turn for turn in evidence.turns}
    for offered in evidence.offered:
        accepted, rows = evidence.accepted.get(offered.wamid, 0), stored.pop(offered.wamid, [])
        if accepted == 0:
            lost.append(f"{offered.wamid} was acknowledged, and the ledger did not accept it")
        elif not rows:
            lost.append(f"{offered.wamid} was accepted, and is not stored")
        doubled += [f"{offered.wamid} was accepted again"] * (accepted - 1)
        doubled += [f"{offered.wamid} is stored again"] * (len(rows) - 1)
        verdict.stored += bool(rows)
        for row in rows:
            if (row.tenant_id, row.connection_id, row.customer) != (
                offered.side.tenant_id,
                offered.side.connection_id,
                offered.customer,
            ):
                crossed.append(f"{offered.wamid} is stored with somebody else")
            if row.turn_id is None:
                lost.append(f"{offered.wamid} is stored, and no turn collected it")
                continue
            turn = turns.get((row.tenant_id, row.turn_id))
            if turn is None:
                lost.append(f"{offered.wamid} is in a turn that does not exist")
            elif turn.customer != row.customer or turn.connection_id != row.connection_id:
                crossed.append(f"{offered.wamid} is in the turn of somebody else")
    crossed += [f"{wamid} is stored, and nobody wrote it" for wamid in stored]


def _judge_answers(evidence: Evidence, verdict: Verdict) -> None:
    """Every turn has one answer, which went to its customer and speaks of what was asked."""
    lost, doubled, crossed = (verdict.findings[name] for name in ("lost", "doubled", "crossed"))
    sides = {offered.side.connection_id: offered.side for offered in evidence.offered}
    codes: dict[tuple[str, str], set[str]] = defaultdict(set)
    for offered in evidence.offered:
        codes[offered.side.number, offered.customer].add(offered.code)
    every_code = set().union(*codes.values())
    sent: dict[str, list[Sent]] = defaultdict(list)
    for send in evidence.sent:
        sent[send.message_id].append(send)
        own = codes[send.number, send.customer]
        foreign = {code for code in every_code - own if code in send.text}
        if foreign:
            crossed.append(f"{send.message_id} tells {send.customer} what another one asked")
    for turn in evidence.turns:
        sends = sent.pop(turn.reply_id, []) if turn.reply_id else []
        if sends:
            verdict.answered += 1
        elif turn.torn and turn.delivery in ("sending", "unknown"):
            verdict.unsettled += 1
        else:
            lost.append(f"turn {turn.id} of {turn.customer} has no answer ({turn.delivery})")
        doubled += [f"turn {turn.id} of {turn.customer} was answered again"] * (len(sends) - 1)
        side = sides.get(turn.connection_id)
        for send in sends:
            if side is None or send.number != side.number or side.tenant_id != turn.tenant_id:
                crossed.append(f"turn {turn.id} was answered through another number")
            elif send.customer != turn.customer:
                crossed.append(f"turn {turn.id} of {turn.customer} went to {send.customer}")
    replies = {turn.reply_id for turn in evidence.turns}
    for message_id, sends in sent.items():
        reply, _, part = message_id.partition("/")
        if part and reply in replies:  # What follows the first part of a long answer.
            doubled += [f"{message_id} was sent again"] * (len(sends) - 1)
        else:
            doubled += [f"{message_id} was sent, and is no turn's answer"] * len(sends)


def _judge_bursts(evidence: Evidence, verdict: Verdict) -> None:
    """A burst is answered once, unless it was torn apart."""
    bursts: dict[tuple[str, str], list[Stored]] = defaultdict(list)
    turns = {turn.id for turn in evidence.turns}
    for message in evidence.stored:
        if message.turn_id in turns:
            bursts[message.connection_id, message.customer].append(message)
    for (_, customer), messages in bursts.items():
        parts = Counter(message.turn_id for message in messages)
        if len(parts) == 1:
            continue
        pauses = long_pauses((message.create_time for message in messages), evidence.quiet)
        verdict.torn_apart += pauses > 0
        unasked = len(parts) - 1 - pauses
        verdict.findings["doubled"] += [
            f"the burst of {customer} was answered in {len(parts)} turns with {pauses} pauses"
        ] * max(0, unasked)


def long_pauses(times: Iterable[datetime], quiet: timedelta) -> int:
    """How often nothing came for a quiet time."""
    ordered = sorted(times)
    return sum(later - earlier >= quiet - SLACK for earlier, later in itertools.pairwise(ordered))
