"""Dependencies: a keyword-only parameter with a type, resolved from the container at start-up."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import get_type_hints

from dishka import AsyncContainer
from dishka.exceptions import NoFactoryError

from services.kit.context import Function


class MissingDependency(Exception):
    """A handler asks for something that its service does not provide; stops the start."""


class Wiring:
    """Resolves what handlers ask for. A missing dependency stops the process with its name."""

    def __init__(self, container: AsyncContainer) -> None:
        self._container = container

    async def arguments_of(self, function: Function) -> Mapping[str, object]:
        """The keyword-only arguments of a handler. Raises MissingDependency."""
        hints = get_type_hints(function)
        arguments = {}
        for parameter in inspect.signature(function).parameters.values():
            if parameter.kind is parameter.KEYWORD_ONLY:
                kind = hints[parameter.name]
                try:
                    arguments[parameter.name] = await self._container.get(kind)
                except NoFactoryError:
                    raise MissingDependency(
                        f"{function.__module__}.{function.__name__} needs {parameter.name}: "
                        f"{kind!r}, which the service does not provide"
                    ) from None
        return arguments
