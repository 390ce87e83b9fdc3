"""The contract and the code agree: checked over every service, without starting one."""

from __future__ import annotations

import ast
from collections import Counter

from google.api import annotations_pb2
from google.protobuf.descriptor_pb2 import MethodOptions

from services.kit.outbox import address, snake_case
from services.kit.rpc import is_query, required_scope
from services.registry import services
from tests.architecture.repository import messages, methods, modules


def test_every_rpc_has_its_function() -> None:
    bound = {
        method.full_name
        for service in services()
        for context in service.contexts
        for rpcs in context.rpcs
        for method in rpcs.methods
        if hasattr(
            context.queries if is_query(method) else context.commands, snake_case(method.name)
        )
    }
    assert bound == {method.full_name for method in methods()}


def test_every_rpc_declares_a_scope_and_internal_ones_stay_internal() -> None:
    for method in methods():
        scope = required_scope(method)
        public = method.GetOptions().HasExtension(annotations_pb2.http)
        assert public == (scope not in {"service", "admin"}), method.full_name


def test_reads_are_declared_as_reads() -> None:
    for method in methods():
        http = method.GetOptions().Extensions[annotations_pb2.http]
        if http.WhichOneof("pattern") == "get":
            assert method.GetOptions().idempotency_level == MethodOptions.NO_SIDE_EFFECTS


def test_every_command_has_exactly_one_function_in_the_service_that_owns_it() -> None:
    handled = Counter(
        subscription.message.DESCRIPTOR.full_name
        for service in services()
        for subscription in service.subscriptions()
        if subscription.stream == "CMD"
    )
    assert handled == Counter(command.full_name for command in messages("command"))
    for service in services():
        for subscription in service.subscriptions():
            if subscription.stream == "CMD":
                assert address(subscription.message.DESCRIPTOR)[0] == service.name


def test_every_command_has_a_sender_that_declares_it() -> None:
    sent = {command.DESCRIPTOR.full_name for service in services() for command in service.sends}
    assert sent == {command.full_name for command in messages("command")}


def test_every_event_is_emitted_somewhere() -> None:
    calls = {
        node.args[0].func.id
        for _, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "emit"
        and node.args
        and isinstance(node.args[0], ast.Call)
        and isinstance(node.args[0].func, ast.Name)
    }
    assert calls >= {event.name for event in messages("event")}


def test_durable_names_are_unique() -> None:
    names = [
        (subscription.stream, subscription.durable)
        for service in services()
        for subscription in service.subscriptions()
    ]
    assert len(names) == len(set(names))
