"""The contracts' validation rules, as JSON Schema says them."""

import re
from typing import Any, cast

from buf.validate import validate_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToJson

Keywords = dict[str, Any]

FORMATS = {
    "email": "email",
    "hostname": "hostname",
    "ipv4": "ipv4",
    "ipv6": "ipv6",
    "uri": "uri",
    "uri_ref": "uri-reference",
    "uuid": "uuid",
}
# 64-bit numbers are strings in JSON: a bound on them is a sentence, not a keyword.
NUMBERS = frozenset(
    "int32 sint32 sfixed32 uint32 fixed32 float double".split()  # noqa: SIM905 one line is enough
)
ANYTHING = r"[^\x00]*"
"""A regular expression for what a text may hold."""
BOUNDS = {
    "gte": ("minimum", "at least"),
    "gt": ("exclusiveMinimum", "more than"),
    "lte": ("maximum", "at most"),
    "lt": ("exclusiveMaximum", "less than"),
}


def rules_of(field: FieldDescriptor) -> validate_pb2.FieldRules:
    """The rules a field was declared with."""
    options = field.GetOptions()
    # The stubs take an extension for an ordinary field's descriptor.
    return cast(validate_pb2.FieldRules, options.Extensions[cast(Any, validate_pb2.field)])


def keywords(rules: validate_pb2.FieldRules) -> Keywords:
    """The keywords that narrow a value's schema; `items` holds those of a list's elements."""
    kind = rules.WhichOneof("type")
    if kind == "string":
        return _string(rules.string)
    if kind in NUMBERS:
        return _number(getattr(rules, kind))
    if kind == "duration":
        return _span(rules.duration)
    if kind == "repeated":
        found = _set(rules.repeated, {"min_items": "minItems", "max_items": "maxItems"})
        if rules.repeated.unique:
            found["uniqueItems"] = True
        if inner := keywords(rules.repeated.items):
            found["items"] = inner
        return found
    if kind == "map":
        return _set(rules.map, {"min_pairs": "minProperties", "max_pairs": "maxProperties"})
    return {}


def sentences(rules: validate_pb2.FieldRules) -> list[str]:
    """What no keyword can say, in words."""
    said = [rule.message or rule.expression for rule in rules.cel]
    kind = rules.WhichOneof("type")
    if kind == "duration":
        said += _duration(rules.duration)
    elif kind is not None and kind not in NUMBERS:
        inner = getattr(rules, kind)
        names = inner.DESCRIPTOR.fields_by_name
        said += [
            f"{words} {getattr(inner, name)}"
            for name, (_, words) in BOUNDS.items()
            if name in names and inner.HasField(name)
        ]
        if kind == "bytes":
            said += [
                f"{words} {getattr(inner, name)} bytes"
                for name, words in (("min_len", "at least"), ("max_len", "at most"))
                if inner.HasField(name)
            ]
    return said


def without_nul(schema: Keywords) -> None:
    """Say of a text that it holds no NUL, which nothing here can store, unless it could not."""
    pattern = schema.get("pattern")
    if schema.get("type") != "string" or {"enum", "const", "format", "anyOf"} & schema.keys():
        return
    if pattern is None:
        schema["pattern"] = rf"^{ANYTHING}$"
    elif not pattern.startswith("^"):
        schema["pattern"] = rf"^{ANYTHING}(?:{pattern}){ANYTHING}$"


def may_be_absent(field: FieldDescriptor) -> bool:
    """Whether a request without the field passes its rules."""
    rules = rules_of(field)
    if rules.required:
        return False
    if rules.ignore or (field.has_presence and not field.is_repeated):
        return True
    found = keywords(rules)
    if found.get("minItems") or found.get("minProperties"):
        return False
    if rules.WhichOneof("type") == "enum":
        return 0 not in rules.enum.not_in
    return _accepts(found, "" if rules.WhichOneof("type") == "string" else 0)


def _accepts(found: Keywords, empty: str | int) -> bool:
    if "enum" in found and empty not in found["enum"]:
        return False
    if found.get("const", empty) != empty:
        return False
    if isinstance(empty, str):
        return not (
            found.get("minLength")
            or "format" in found
            or ("pattern" in found and not re.search(found["pattern"], empty))
        )
    return (
        found.get("minimum", empty) <= empty <= found.get("maximum", empty)
        and not found.get("exclusiveMinimum", empty - 1) >= empty
        and not found.get("exclusiveMaximum", empty + 1) <= empty
    )


def _string(rules: validate_pb2.StringRules) -> Keywords:
    found = _set(
        rules,
        {"min_len": "minLength", "max_len": "maxLength", "pattern": "pattern", "const": "const"},
    )
    if rules.HasField("len"):
        found["minLength"] = found["maxLength"] = rules.len
    if rules.HasField("prefix"):
        found["pattern"] = "^" + re.escape(rules.prefix)
    if name := FORMATS.get(rules.WhichOneof("well_known") or ""):
        found["format"] = name
    return found | _choices(rules)


def _number(rules: Any) -> Keywords:
    found = _set(
        rules, {name: keyword for name, (keyword, _) in BOUNDS.items()} | {"const": "const"}
    )
    return {
        name: int(value) if isinstance(value, float) and value.is_integer() else value
        for name, value in found.items()
    } | _choices(rules)


def _span(rules: validate_pb2.DurationRules) -> Keywords:
    if not (rules.HasField("gte") and rules.HasField("lte")):
        return {}
    if rules.gte.ToNanoseconds() or rules.lte.nanos:
        return {}
    most = rules.lte.seconds
    return {"pattern": rf"^(?:(?:{_below(most)})(?:\.[0-9]{{1,9}})?|{most}(?:\.0{{1,9}})?)s$"}


def _below(most: int) -> str:
    """A regular expression for the whole numbers from 0 to one less, for JSON Schema."""
    digits = str(most)
    found = ["[0-9]" * count for count in range(1, len(digits))]
    for place, digit in enumerate(digits):
        low, high = int(place == 0 and len(digits) > 1), int(digit) - 1
        if low <= high:
            found.append(f"{digits[:place]}[{low}-{high}]{'[0-9]' * (len(digits) - place - 1)}")
    return "|".join(found)


def _choices(rules: Any) -> Keywords:
    found: Keywords = {}
    if allowed := list(getattr(rules, "in")):
        found["enum"] = allowed
    if refused := list(rules.not_in):
        found["not"] = {"enum": refused}
    return found


def _set(rules: Any, names: dict[str, str]) -> Keywords:
    return {
        keyword: getattr(rules, name) for name, keyword in names.items() if rules.HasField(name)
    }


def _duration(rules: validate_pb2.DurationRules) -> list[str]:
    return [
        f"{words} {_text(getattr(rules, name))}"
        for name, (_, words) in BOUNDS.items()
        if rules.HasField(name)
    ]


def _text(value: Duration) -> str:
    return MessageToJson(value).strip('"')
