"""Waits until a customer has finished typing, whatever is killed meanwhile."""

from services.kit.context import Context
from services.processing.buffering import events

CONTEXT = Context("buffering", events=events)
