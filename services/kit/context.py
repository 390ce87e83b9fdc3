"""A context: a folder of commands, queries and reactions, and what it serves."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, TypeVar

from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message

Function = Callable[..., Awaitable[Any]]
F = TypeVar("F", bound=Function)


@dataclass(frozen=True)
class Context:
    """What one folder of a service offers; `service.py` lists them."""

    name: str
    rpcs: tuple[ServiceDescriptor, ...] = ()
    """Served by the functions of the same names: queries for NO_SIDE_EFFECTS, else commands."""
    commands: ModuleType | None = None
    queries: ModuleType | None = None
    events: ModuleType | None = None
    """Where @on, @hear and @on_timer functions live."""
    handles: tuple[type[Message], ...] = ()
    """Bus commands, each served by the function of its name in `commands`."""

    def marked(self, mark: str) -> list[tuple[Any, Function]]:
        """The functions of this context that carry a decorator's mark, with its value."""
        found: dict[Function, Any] = {}
        for module in filter(None, (self.commands, self.queries, self.events)):
            for _, function in inspect.getmembers(module, inspect.iscoroutinefunction):
                if function.__module__ == module.__name__ and hasattr(function, mark):
                    found[function] = getattr(function, mark)
        return [(value, function) for function, value in found.items()]


def on(event: type[Message]) -> Callable[[F], F]:
    """Run the function once for every such event, whoever is down when it happens."""
    return _mark("_on_event", event)


def hear(event: type[Message]) -> Callable[[F], F]:
    """Run the function in every live process when such an event happens: to drop caches.

    It may be missed (a process that is down has no cache to drop), so nothing else may hang on it.
    """
    return _mark("_on_live_event", event)


def on_timer(kind: str) -> Callable[[F], F]:
    """Run the function when a timer of this kind comes due; again later unless it disarms."""
    return _mark("_on_timer", kind)


def background(function: F) -> F:
    """Run the function for as long as a worker process lives; it is started again if it fails."""
    function._background = True  # type: ignore[attr-defined]
    return function


def _mark(name: str, value: object) -> Callable[[F], F]:
    def mark(function: F) -> F:
        setattr(function, name, value)
        return function

    return mark
