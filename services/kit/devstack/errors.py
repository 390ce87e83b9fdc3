"""What devstack says when it cannot go on."""

from pathlib import Path

TAIL_LINES = 15
START_MARK = "--- started"
"""Begins the line that separates the runs in a log."""


class StackError(Exception):
    """One sentence for the person at the terminal, and the log that shows the cause, if any."""

    def __init__(self, sentence: str, log: Path | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.log = log

    def report(self) -> str:
        """The sentence, followed by the end of the log."""
        if self.log is None:
            return self.sentence
        tail = tail_of(self.log)
        return f"{self.sentence}\n{tail}\nThe whole log: {self.log}" if tail else self.sentence


def tail_of(log: Path, lines: int = TAIL_LINES) -> str:
    """The last lines of the last run in a log file, indented; empty when there are none."""
    try:
        with log.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - 64 * 1024))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    last_run = text.rpartition(START_MARK)[2].splitlines()
    if START_MARK in text:
        del last_run[0]
    return "\n".join(f"  {line}" for line in last_run[-lines:])
