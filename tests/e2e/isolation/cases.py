"""A request for every RPC, made from its descriptor: with the victim's ids wherever one fits."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from envoyconf.contracts import load_contracts, services_of
from services.kit.errors import InvalidRequest
from services.kit.validate import validate

# What a service's own `id` is the id of.
NOUNS = {
    "AdminService": "tenant",
    "ApiKeyService": "other_api_key",
    "AssistantService": "assistant",
    "ConnectionService": "connection",
    "ConversationService": "conversation",
    "DeliveryService": "message",
    "DocumentService": "document",
    "InvitationService": "invitation",
    "SessionService": "session",
    "TurnService": "turn",
    "UserService": "user",
    "WebhookEventService": "webhook_event",
    "WorkspaceService": "empty_workspace",
}
# An `id` that is not the service's own noun, or is inside of another message.
OTHER_IDS = {"GetMessage.id": "message"}
# Fields that hold ids, by name.
IDS = {
    "api_key_id": "api_key",
    "assistant_id": "assistant",
    "connection_id": "connection",
    "conversation_id": "conversation",
    "correlation_id": "correlation",
    "document_id": "document",
    "message_id": "message",
    "message_ids": "message",
    "participant_id": "participant",
    "session_id": "session",
    "tenant_id": "tenant",
    "turn_id": "turn",
    "user_id": "user",
    "workspace_id": "workspace",
}
# What else a request must have to be valid. A field that is not here stays unset.
VALUES: Mapping[str, Any] = {
    "AcceptInvitationRequest": {"token": "x" * 43, "name": "Eva", "password": "correcthorse1"},
    "BeginSecondFactorRequest": {"password": "wrong"},
    "ChangePasswordRequest": {"password": "wrong", "new_password": "correcthorse2"},
    "ConfirmSecondFactorRequest": {"code": "123456"},
    "CreateApiKeyRequest": {"name": "eva", "scopes": ["assistants:read"]},
    "CreateAssistantRequest": {"name": "eva"},
    "CreateConnectionRequest": {
        "channel": "whatsapp",
        "config": {
            "phone_number_id": "1",
            "waba_id": "1",
            "app_secret": "0" * 32,
            "verify_token": "v" * 16,
            "access_token": "t" * 16,
        },
    },
    "CreateDocumentRequest": {"title": "eva", "text": "eva"},
    "CreateInvitationRequest": {"email": "eva@example.com", "role": "ROLE_AGENT"},
    "CreateTenantRequest": {
        "name": "eva",
        "owner_email": "eva@example.com",
        "owner_password": "correcthorse1",
    },
    "CreateWorkspaceRequest": {"name": "eva"},
    "DeleteTenantRequest": {"confirm_name": "eva"},
    "ReceiveWebhooksRequest": {
        "webhooks": [
            {
                "request_id": str(uuid.uuid4()),
                "channel": "whatsapp",
                "receive_time": "2026-01-01T00:00:00Z",
            }
        ]
    },
    "RefreshSessionRequest": {"refresh_token": "x" * 43},
    "RemoveSecondFactorRequest": {"password": "wrong"},
    "RequestPasswordResetRequest": {"email": "nobody@example.com"},
    "ResetPasswordRequest": {"token": "x" * 43, "new_password": "correcthorse1"},
    "SearchPassagesRequest": {"queries": ["o segredo da casa"]},
    "SendMessageRequest": {"text": "eva", "content": {"text": {"body": "eva"}}},
    "SetTenantPlanRequest": {"plan": "free", "reason": "eva"},
    "SetTenantStatusRequest": {"status": "TENANT_STATUS_SUSPENDED", "reason": "eva"},
    "SignInRequest": {"email": "nobody@example.com", "password": "wrong"},
    "UpdateApiKeyRequest": {"name": "eva"},
    "UpdateAssistantRequest": {"name": "eva"},
    "UpdateConnectionRequest": {"display_name": "eva"},
    "UpdateConversationRequest": {"status": "CONVERSATION_STATUS_RESOLVED"},
    "UpdateDocumentRequest": {"title": "eva"},
    "UpdateTenantRequest": {"name": "eva"},
    "UpdateUserRequest": {"name": "eva"},
    "UpdateWorkspaceRequest": {"name": "eva"},
    "VerifyApiKeyRequest": {"api_key": "malha_x"},
}


@dataclass(frozen=True)
class Case:
    """One RPC, its request with the victim's ids, and the same with ids of nothing."""

    method: MethodDescriptor
    theirs: Message
    nobodys: Message
    swapped: Mapping[str, str]
    """The victim's ids in the one, to the ids of nothing in the other."""

    @property
    def name(self) -> str:
        return str(self.method.full_name)

    @property
    def path(self) -> str:
        """The path in gRPC."""
        return f"/{self.method.containing_service.full_name}/{self.method.name}"


class NoCase(Exception):
    """A contract has something this generator has no value for: say in this file what it is."""


def methods() -> Iterable[MethodDescriptor]:
    """Every RPC of every contract."""
    for service in services_of(load_contracts()):
        yield from service.methods


def case_of(method: MethodDescriptor, ids: Mapping[str, str]) -> Case:
    """The requests for an RPC. Raises NoCase."""
    kind = GetMessageClass(method.input_type)
    theirs, nobodys = kind(), kind()
    nothing = {id: str(uuid.uuid4()) for id in ids.values()}
    swapped: dict[str, str] = {}
    for request, meant in ((theirs, {id: id for id in nothing}), (nobodys, nothing)):
        values = VALUES.get(method.input_type.name, {})
        ParseDict({k: v for k, v in values.items() if k in kind.DESCRIPTOR.fields_by_name}, request)
        for part, field, noun in _places(method, request):
            swapped[ids[noun]] = nothing[ids[noun]]
            if field.is_repeated:
                getattr(part, field.name).append(meant[ids[noun]])
            else:
                setattr(part, field.name, meant[ids[noun]])
        try:
            validate(request)  # Else both are refused alike, and nothing is learnt.
        except InvalidRequest as error:
            broken = ", ".join(f"{name} {rule}" for name, rule in error.violations())
            raise NoCase(f"{method.full_name}: {broken}. Say in VALUES what is valid.") from None
    return Case(method, theirs, nobodys, swapped)


def _places(
    method: MethodDescriptor, request: Message, path: str = ""
) -> Iterator[tuple[Message, Any, str]]:
    """Every field for an id, however deep, with its message and what it is the id of."""
    for field in request.DESCRIPTOR.fields:
        if field.message_type is None:
            if (noun := _noun(method, f"{path}{field.name}")) is not None:
                yield request, field, noun
        elif _holds_ids(field.message_type):
            inner = getattr(request, field.name)
            if field.is_repeated and not inner:
                inner.add()
            for part in inner if field.is_repeated else (inner,):
                yield from _places(method, part, f"{path}{field.name}.")


def _holds_ids(descriptor: Any, within: frozenset[str] = frozenset()) -> bool:
    if descriptor.full_name in within:
        return False
    within |= {descriptor.full_name}
    return any(
        _is_id(field.name) if field.message_type is None else _holds_ids(field.message_type, within)
        for field in descriptor.fields
    )


def _is_id(name: str) -> bool:
    return name == "id" or name.endswith(("_id", "_ids"))


def _noun(method: MethodDescriptor, path: str) -> str | None:
    """What a field of a request is the id of; None for other fields. Raises NoCase."""
    name = path.rpartition(".")[2]
    if not _is_id(name) or name == "request_id":
        return None  # A request's id is the caller's own.
    noun = OTHER_IDS.get(f"{method.name}.{path}") or IDS.get(name)
    if path == "id":
        noun = noun or NOUNS.get(method.containing_service.name)
    if noun is None:
        raise NoCase(f"{method.full_name}: what is {path} the id of? Add it to the tables above.")
    return noun


def as_json(request: Message) -> dict[str, Any]:
    """A request as REST sends it."""
    sent: dict[str, Any] = MessageToDict(request)
    return sent
