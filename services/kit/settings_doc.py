"""`.env.example`: every setting with its meaning and default, from the settings' own docstrings."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

_ROOT = Path(__file__).parents[2]


def env_example(kinds: Iterable[type[BaseSettings]]) -> str:
    """The settings of these classes, one block a class; a name that two share stands once."""
    seen: set[str] = set()
    blocks = []
    for kind in kinds:
        lines = [f"# {(kind.__doc__ or kind.__name__).strip().splitlines()[0]}"]
        prefix = kind.model_config.get("env_prefix", "")
        for field, info in kind.model_fields.items():
            alias = info.validation_alias
            name = alias if isinstance(alias, str) else f"{prefix}{field}".upper()
            if name in seen:
                continue
            seen.add(name)
            required = info.default is PydanticUndefined and info.default_factory is None
            text = " ".join((info.description or "").split())
            lines.append(f"# {text}{' Required.' if required else ''}")
            lines.append(f"#{name}={'' if required else _shown(info.get_default())}")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def _shown(value: object) -> str:
    if isinstance(value, Path):
        # Where this checkout lies is nobody's business.
        return str(value.relative_to(_ROOT)) if value.is_relative_to(_ROOT) else str(value)
    if value is None or value == () or value == {} or value == PydanticUndefined:
        return ""
    if isinstance(value, list | tuple | set | frozenset):
        return ",".join(sorted(map(str, value)))
    return _duration(value) if isinstance(value, timedelta) else str(value)


def _duration(value: timedelta) -> str:
    """As ISO 8601 has it, in days or in seconds."""
    if value and not value % timedelta(days=1):
        return f"P{value.days}D"
    return f"PT{value.total_seconds():.12g}S"
