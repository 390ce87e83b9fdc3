"""Path templates of the REST API: which paths they mean, and which methods each path has."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from envoyconf.contracts import RPC, verb_and_path

_VARIABLE = re.compile(r"\{[^}]+\}")


@dataclass(frozen=True, slots=True)
class Template:
    """One path template, whatever the method."""

    path: str
    """As the contract writes it, e.g. /v1/api-keys/{id}:rotate."""
    pattern: str
    """The paths it means, as a regular expression for a whole path."""
    methods: frozenset[str]
    """In upper case."""
    shadows: bool
    """Whether a more general template means its paths too, e.g. /v1/users/me and {id}."""

    @property
    def allow(self) -> str:
        """The methods, as the header Allow lists them."""
        return ", ".join(sorted(self.methods | {"OPTIONS"}))


def templates_of(rpcs: Iterable[RPC]) -> list[Template]:
    """Every path template of a set of RPCs, by path."""
    methods: dict[str, set[str]] = defaultdict(set)
    for rpc in rpcs:
        for rule in rpc.rules:
            verb, path = verb_and_path(rule)
            methods[path].add(verb.upper())
    with_verb = {path.rpartition(":")[0] for path in methods if _has_verb(path)}
    patterns = {path: _pattern(path, colons=path not in with_verb) for path in methods}
    return [
        Template(
            path=path,
            pattern=patterns[path],
            methods=frozenset(methods[path]),
            shadows=any(
                other != path and re.fullmatch(pattern, path)
                for other, pattern in patterns.items()
                if "{" not in path
            ),
        )
        for path in sorted(methods)
    ]


def alternatives(templates: Iterable[Template]) -> str:
    """One regular expression for several templates: one look at the path, not one for each."""
    return "|".join(f"(?:{template.pattern})" for template in templates)


def _has_verb(path: str) -> bool:
    return ":" in _VARIABLE.sub("", path)


def _pattern(path: str, *, colons: bool) -> str:
    # Beside /{id}:rotate, an {id} ends at a colon: another verb is an unknown route.
    variable = "[^/]+" if colons else "[^/:]+"
    literals = _VARIABLE.split(path)
    return variable.join(re.escape(part) for part in literals)
