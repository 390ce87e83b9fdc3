"""Passwords that whoever guesses tries first, of those long enough to be accepted."""

from __future__ import annotations

from importlib import resources

assert __package__
FREQUENT = frozenset((resources.files(__package__) / "frequent.txt").read_text().split())
