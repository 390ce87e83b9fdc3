"""Routes that answer by themselves: what a path of the API does not take."""

from collections.abc import Iterable

from envoy.config.core.v3.base_pb2 import DataSource
from envoy.config.route.v3.route_components_pb2 import (
    DirectResponseAction,
    FilterConfig,
    HeaderMatcher,
    Route,
    RouteMatch,
)
from envoy.type.matcher.v3.regex_pb2 import RegexMatcher
from envoy.type.matcher.v3.string_pb2 import StringMatcher
from google.protobuf.any_pb2 import Any
from google.protobuf.struct_pb2 import Struct

from envoyconf.filters import CHECK_PATH, TRANSCODER, set_header
from envoyconf.templates import Template, alternatives
from envoyconf.values import wrap

JSON = r"(?i)application/([a-z0-9!#$&^_.+-]+\+)?json([ \t]*;.*)?"
NO_ROUTE, NO_METHOD, NO_TYPE, NOT_TEXT, NOTHING = 404, 405, 415, 400, 204

# Percent-encoded UTF-8 without NUL, as RFC 3629 spells it.
_MORE = "%[89ab][0-9a-f]"
TEXT = (
    "(?i)(?:"
    + "|".join(
        [
            "[^%]",
            "%0[1-9a-f]",
            "%[1-7][0-9a-f]",
            f"%(?:c[2-9a-f]|d[0-9a-f]){_MORE}",
            f"%e0%[ab][0-9a-f]{_MORE}",
            f"%e[1-9abcef]{_MORE}{_MORE}",
            f"%ed%[89][0-9a-f]{_MORE}",
            f"%f0%[9ab][0-9a-f]{_MORE}{_MORE}",
            f"%f[1-3]{_MORE}{_MORE}{_MORE}",
            f"%f4%8[0-9a-f]{_MORE}{_MORE}",
        ]
    )
    + ")*"
)


def other_methods(name: str, templates: Iterable[Template]) -> list[Route]:
    """405 with what a path does take, for every method that it does not; OPTIONS asks for it."""
    by_methods: dict[frozenset[str], list[Template]] = {}
    for template in templates:
        by_methods.setdefault(template.methods, []).append(template)
    routes = []
    for methods, alike in sorted(by_methods.items(), key=lambda item: sorted(item[0])):
        short = "-".join(sorted(methods)).lower()
        options = _answer(f"{name}-options-{short}", paths(alike, "OPTIONS"), NOTHING)
        others = _answer(f"{name}-not-{short}", paths(alike), NO_METHOD)
        others.match.headers.append(
            HeaderMatcher(name=":method", string_match=one_of(methods), invert_match=True)
        )
        for route in (options, others):
            route.response_headers_to_add.append(set_header("allow", alike[0].allow))
            routes.append(route)
    return routes


def not_json(name: str, match: RouteMatch) -> list[Route]:
    """415 for bodies that say of themselves that they are no JSON, or that they are packed."""
    typed = HeaderMatcher(name="content-type", string_match=regex(JSON), invert_match=True)
    packed = HeaderMatcher(
        name="content-encoding",
        string_match=StringMatcher(exact="identity", ignore_case=True),
        invert_match=True,
    )
    routes = []
    for what, header in (("type", typed), ("encoding", packed)):
        route = _answer(f"{name}-{what}", match, NO_TYPE)
        # Without the header at all, a body passes for JSON.
        route.match.headers.append(HeaderMatcher(name=header.name, present_match=True))
        route.match.headers.append(header)
        route.response_headers_to_add.append(set_header("accept", "application/json"))
        routes.append(route)
    return routes


def not_text(version: str) -> Route:
    """400 for paths and queries that no Protobuf string and no database can hold."""
    route = _answer(f"{version}-not-text", RouteMatch(prefix=f"/{version}/"), NOT_TEXT)
    route.direct_response.body.inline_string = (
        "Path and query must be percent-encoded UTF-8, without NUL."
    )
    route.match.headers.append(
        HeaderMatcher(name=":path", string_match=regex(TEXT), invert_match=True)
    )
    return route


def unknown(version: str) -> Route:
    """404 for everything else under a version."""
    return _answer(f"{version}-unknown", RouteMatch(prefix=f"/{version}/"), NO_ROUTE)


def inside() -> Route:
    """404 for what only Envoy itself asks the edge."""
    return _answer("inside", RouteMatch(prefix=CHECK_PATH), NO_ROUTE)


def paths(templates: Iterable[Template], method: str = "") -> RouteMatch:
    """The paths of some templates, and one method of theirs."""
    match = RouteMatch(safe_regex=RegexMatcher(regex=alternatives(templates)))
    if method:
        match.headers.append(
            HeaderMatcher(name=":method", string_match=StringMatcher(exact=method))
        )
    return match


def one_of(values: Iterable[str]) -> StringMatcher:
    """Any of some plain words."""
    return regex("|".join(sorted(values)))


def regex(pattern: str) -> StringMatcher:
    """Whatever a regular expression means as a whole."""
    return StringMatcher(safe_regex=RegexMatcher(regex=pattern))


def off() -> Any:
    """Switches a filter off for a route."""
    return wrap(FilterConfig(disabled=True, config=wrap(Struct())))


def _answer(name: str, match: RouteMatch, status: int) -> Route:
    route = Route(
        name=name,
        match=match,
        direct_response=DirectResponseAction(
            status=status, body=None if status == NOTHING else DataSource(inline_string="-")
        ),
    )
    # Or it would answer first, that it knows no such route.
    route.typed_per_filter_config[TRANSCODER].CopyFrom(off())
    return route
