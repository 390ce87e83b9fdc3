"""A request for every RPC, made from its descriptor: with the victim's ids wherever one fits."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from envoyconf.contracts import load_contracts, services_of

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
# An `id` that is not the service's own noun.
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
    swapped: dict[str, str] = {}
    for field in method.input_type.fields:
        noun = _noun(method, field)
        if noun is None:
            continue
        value = ids[noun]
        swapped.setdefault(value, str(uuid.uuid4()))
        for request, text in ((theirs, value), (nobodys, swapped[value])):
            if field.is_repeated:
                getattr(request, field.name).append(text)
            else:
                setattr(request, field.name, text)
    for request in (theirs, nobodys):
        _fill(request, VALUES.get(method.input_type.name, {}))
    return Case(method, theirs, nobodys, swapped)


def _noun(method: MethodDescriptor, field: FieldDescriptor) -> str | None:
    if field.name == "id":
        own = OTHER_IDS.get(f"{method.name}.id") or NOUNS.get(method.containing_service.name)
        if own is None:
            raise NoCase(f"{method.full_name}: what is its id the id of? Add it to NOUNS.")
        return own
    if field.name == "request_id":
        return None  # The caller's own.
    if field.name.endswith(("_id", "_ids")):
        if field.name not in IDS:
            raise NoCase(f"{method.full_name}: what is {field.name}? Add it to IDS.")
        return IDS[field.name]
    return None


def _fill(request: Message, values: Mapping[str, Any]) -> None:
    from google.protobuf.json_format import ParseDict

    known = {k: v for k, v in values.items() if k in request.DESCRIPTOR.fields_by_name}
    ParseDict(known, request)


def as_json(request: Message) -> dict[str, Any]:
    """A request as REST sends it."""
    sent: dict[str, Any] = MessageToDict(request)
    return sent


def is_internal(descriptor: Descriptor) -> bool:
    """Whether a message belongs to a batch between services only."""
    return bool(descriptor.full_name.startswith("malha.ingestion.v1.ReceiveWebhooks"))
