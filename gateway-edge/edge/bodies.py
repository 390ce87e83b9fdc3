"""What a request's body must be: JSON for the RPC that its method and path mean."""

import json
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NoReturn

from google.protobuf.descriptor import FileDescriptor

from edge.fields import MOST_ITEMS, Check, Shapes, Violation, printable
from envoyconf.contracts import http_rules, services_of, verb_and_path

WHOLE = "body"
"""The path of what concerns all of a body."""
DEEPEST = 32
MOST_VIOLATIONS = 20
MOST_VALUES = MOST_ITEMS
"""Objects, names of one object, lists of one level: more would only keep the edge busy."""

_VARIABLE = re.compile(r"\{([^}=]+)[^}]*\}")


class Unreadable(Exception):
    """This is no JSON, or JSON that readers understand differently. Says what was expected."""

    def __init__(self, field: str, said: str) -> None:
        super().__init__(said)
        self.violation: Violation = (field, said)


class Bodies:
    """The bodies that the API takes, by method and path."""

    def __init__(self, contracts: Iterable[FileDescriptor]) -> None:
        self._plain: dict[tuple[str, str], Check] = {}
        self._patterns: dict[str, list[tuple[re.Pattern[str], Check]]] = {}
        shapes = Shapes()
        for service in services_of(contracts):
            for method in service.methods:
                for rule in http_rules(method):
                    if not rule.body:
                        continue
                    verb, path = verb_and_path(rule)
                    in_path = _VARIABLE.findall(path)
                    if rule.body == "*":
                        check = shapes.message(method.input_type, in_path)
                    else:
                        field = method.input_type.fields_by_name[rule.body]
                        assert field.message_type is not None
                        check = shapes.message(field.message_type)
                    self._add(verb.upper(), path, check)
        for patterns in self._patterns.values():
            # /{id}:rotate before /{id}, which means its paths too.
            patterns.sort(key=lambda item: len(item[0].pattern), reverse=True)

    def violations(self, method: str, path: str, body: bytes) -> list[Violation]:
        """What is wrong with a body; nothing when nobody knows the path."""
        check = self._find(method, path)
        if check is None or not body:
            return []
        try:
            value = read(body)
        except Unreadable as error:
            return [error.violation]
        if not isinstance(value, dict):
            return [(WHOLE, "must be an object")]
        return list(islice(check(value, ""), MOST_VIOLATIONS))

    def _add(self, verb: str, path: str, check: Check) -> None:
        if "{" not in path:
            self._plain[verb, path] = check
            return
        pattern = "[^/]+".join(re.escape(part) for part in _VARIABLE.sub("{}", path).split("{}"))
        self._patterns.setdefault(verb, []).append((re.compile(pattern), check))

    def _find(self, method: str, path: str) -> Check | None:
        if plain := self._plain.get((method, path)):
            return plain
        for pattern, check in self._patterns.get(method, ()):
            if pattern.fullmatch(path):
                return check
        return None


def read(body: bytes) -> Any:
    """JSON as RFC 8259 has it, and without what readers disagree about. Raises Unreadable."""
    try:
        value = _decoder_of(body).decode(body.decode())
    except UnicodeDecodeError as error:
        raise Unreadable(WHOLE, f"must be UTF-8, which it is not at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise Unreadable(WHOLE, f"must be JSON, which it is not at character {error.pos}") from None
    except RecursionError:
        raise Unreadable(WHOLE, f"must not be nested deeper than {DEEPEST} levels") from None
    except ValueError:
        # Python reads no number of more than 4,300 digits.
        raise Unreadable(WHOLE, "must not hold a number this long") from None
    if body.count(b"{") + body.count(b"[") > DEEPEST and _is_deep(value):
        raise Unreadable(WHOLE, f"must not be nested deeper than {DEEPEST} levels")
    return value


def _decoder_of(body: bytes) -> json.JSONDecoder:
    # Braces may stand in a text, so many of them are no more than a suspicion.
    if body.count(b"{") <= MOST_VALUES:
        return _decoder
    return json.JSONDecoder(object_pairs_hook=_Few(), parse_constant=_no_number)


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        inside = (inner for outer in level for inner in _inner(outer))
        level = list(islice(inside, MOST_VALUES + 1))
        if len(level) > MOST_VALUES:
            raise _too_many()
        if not level:
            return False
    return True


def _inner(value: Any) -> Iterator[Any]:
    values = value.values() if isinstance(value, dict) else value
    return (inner for inner in values if isinstance(inner, dict | list))


def _too_many() -> Unreadable:
    return Unreadable(WHOLE, f"must not hold more than {MOST_VALUES} values")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MOST_VALUES:
        raise _too_many()
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise Unreadable(printable(name), "is there twice")
            seen.add(name)
    return made


class _Few:
    """Objects, until there are more than anybody would send."""

    def __init__(self) -> None:
        self._left = MOST_VALUES

    def __call__(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        self._left -= 1
        if self._left < 0:
            raise _too_many()
        return _object(pairs)


def _no_number(name: str) -> NoReturn:
    raise Unreadable(WHOLE, f"must be JSON, in which {name} is no number")


_decoder = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_no_number)
