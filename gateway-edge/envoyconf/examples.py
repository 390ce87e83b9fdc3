"""Examples of what travels: made from the contracts, with what a reader would find plausible."""

from collections.abc import Collection, Mapping
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from envoyconf.rules import keywords, rules_of
from envoyconf.schemas import WELL_KNOWN, is_map, keys_of

F = FieldDescriptor

_ID = "0198c0de-7a1b-7000-8000-{:012x}"

# By message and field, or by field alone.
VALUES: Mapping[str, Any] = {
    "Tenant.name": "Doces da Ana",
    "UpdateTenantRequest.name": "Doces da Ana",
    "Workspace.name": "Loja do centro",
    "CreateWorkspaceRequest.name": "Loja do centro",
    "UpdateWorkspaceRequest.name": "Loja do centro",
    "ApiKey.name": "Integração com o ERP",
    "CreateApiKeyRequest.name": "Integração com o ERP",
    "UpdateApiKeyRequest.name": "Integração com o ERP",
    "User.name": "Bia Souza",
    "AcceptInvitationRequest.name": "Bia Souza",
    "Party.id": "5511987654321",
    "Party.kind": "wa_id",
    "Party.displayName": "Marina Lopes",
    "Participant.displayName": "Marina Lopes",
    "Participant.kind": "wa_id",
    "SendMessageRequest.text": "O pedido saiu hoje e chega amanhã.",
    "Text.text": "Oi! O pedido 1042 já saiu?",
    "Usage.used": "42",
    "Usage.limit": "600",
    "Document.length": 1840,
    "TimelineEntry.detail": "accepted",
    "OutgoingText.body": "O pedido saiu hoje e chega amanhã.",
    "access_token": "EAAGexampleexampleexample",
    "app_secret": "0123456789abcdef0123456789abcdef",
    "phone_number_id": "106540352242922",
    "verify_token": "exampleexampleexample",
    "waba_id": "102290129340398",
    "accessToken": "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIwMTk4In0.c2ln",
    "accountId": "102290129340398",
    "allowedNetworks": ["203.0.113.0/24"],
    "apiKeys": 20,
    "assistants": 10,
    "body": "Oi! O pedido 1042 já saiu?",
    "channel": "whatsapp",
    "code": "492039",
    "connections": 5,
    "correlationId": "0198c0de-7a1b-7000-8000-00000000c0de",
    "creator": "user:0198c0de-7a1b-7000-8000-00000000000b",
    "detail": "",
    "displayName": "Doces da Ana",
    "email": "bia@exemplo.com.br",
    "etag": "1f3a9c5e7b2d4f60a1b2c3d4",
    "externalId": "106540352242922",
    "failureReason": "",
    "identifier": "5511987654321",
    "instructions": "Você atende a confeitaria Doces da Ana. Seja breve e gentil.",
    "key": "malha_0198c0de7a1b70008000000000000001_4fQ2exampleexampleexampleexample",
    "kind": "message",
    "knowledgeBytes": "104857600",
    "language": "pt-BR",
    "lastFour": "x9Qk",
    "messagesPerMinute": 120,
    "minScore": 0.4,
    "models": ["local"],
    "name": "Ana",
    "names": ["local"],
    "networks": ["203.0.113.0/24"],
    "nextPageToken": "",
    "newPassword": "uma frase longa e só minha",
    "password": "uma frase longa e só minha",
    "currentPassword": "a frase de antes, também longa",
    "payload": '{"object":"whatsapp_business_account","entry":[]}',
    "plan": "pro",
    "reason": "",
    "recoveryCodes": ["k3v9-w2pd", "7hfn-x4ma"],
    "refreshToken": "mrt_0198c0de7a1b_exampleexampleexample",
    "requestsPerMinute": 600,
    "scopes": ["assistants:read", "conversations:write"],
    "score": 0.82,
    "seats": 10,
    "secondFactor": False,
    "secret": "JBSWY3DPEHPK3PXP",
    "signature": "sha256=5f2b…",
    "slug": "whatsapp",
    "Plan.slug": "pro",
    "source": "whatsapp",
    "sources": ["Política de trocas"],
    "step": "webhook_accepted",
    "text": "Trocas em até 7 dias, com a nota fiscal.",
    "timeZone": "America/Sao_Paulo",
    "title": "Política de trocas",
    "token": "inv_exampleexampleexampleexample",
    "uri": "otpauth://totp/Malha:bia@exemplo.com.br?secret=JBSWY3DPEHPK3PXP&issuer=Malha",
    "userAgent": "Mozilla/5.0",
    "webhookUrl": "https://api.exemplo.com.br/webhooks/v1/whatsapp/0198c0de-7a1b-7000-8000-000000000007",
    "webhooksPerMinute": 1200,
    "workspaces": 3,
    "maxWait": "20s",
    "overlap": "86400s",
    "quietTime": "3s",
}
# Unset in what is usual.
ABSENT = frozenset({"deleteTime", "dueTime", "failedTime", "purgeTime", "readTime", "revokeTime"})
LATER = frozenset({"expireTime", "refreshExpireTime", "purgeTime", "until"})


def example(message: Descriptor, *, sent: bool, without: Collection[str] = ()) -> Any:
    """A message as JSON: whole when it is an answer, plausible when it is a request."""
    return _message(message, sent=sent, without=without, above=())


def _message(
    message: Descriptor, *, sent: bool, without: Collection[str], above: tuple[str, ...]
) -> Any:
    if message.full_name in WELL_KNOWN:
        return _well_known(message, "")
    made: dict[str, Any] = {}
    chosen: set[str] = set()
    for field in message.fields:
        oneof = field.containing_oneof
        if field.name in without or field.json_name in ABSENT:
            continue
        if oneof is not None and len(oneof.fields) > 1:
            if oneof.name in chosen:
                continue
            chosen.add(oneof.name)
        if field.message_type is not None and field.message_type.full_name in above:
            if field.is_repeated and not sent:
                made[field.json_name] = []
            continue
        made[field.json_name] = _field(field, sent, (*above, message.full_name))
    return made


def _field(field: F, sent: bool, above: tuple[str, ...]) -> Any:
    plain = field.message_type is None or field.message_type.full_name in WELL_KNOWN
    if plain:
        assert field.containing_type is not None
        for name in (f"{field.containing_type.name}.{field.json_name}", field.json_name):
            if name in VALUES and isinstance(VALUES[name], list) == field.is_repeated:
                return VALUES[name]
    if is_map(field):
        return {}
    one = _one(field, sent, above)
    return [one] if field.is_repeated else one


def _one(field: F, sent: bool, above: tuple[str, ...]) -> Any:
    if field.message_type is not None:
        if keys := keys_of(field):
            return _message(keys, sent=sent, without=(), above=above)
        if field.message_type.full_name in WELL_KNOWN:
            return _well_known(field.message_type, field.json_name)
        return _message(field.message_type, sent=sent, without=(), above=above)
    if field.enum_type is not None:
        return next(value.name for value in field.enum_type.values if value.number)
    if field.type == F.TYPE_BOOL:
        return True
    if field.type == F.TYPE_STRING:
        return _text(field)
    if field.type == F.TYPE_BYTES:
        return "AAEC"
    return "1" if field.type in (F.TYPE_INT64, F.TYPE_UINT64) else 1


def _text(field: F) -> str:
    if field.name == "id" or field.name.endswith(("_id", "_ids")):
        return _ID.format(sum(field.name.encode()) % 4096)
    found = keywords(rules_of(field))
    found = found.get("items", found)
    if choices := found.get("enum"):
        return str(choices[-1])
    return "texto" if found.get("minLength", 0) <= len("texto") else "texto" * found["minLength"]


def _well_known(message: Descriptor, name: str) -> Any:
    if message.name == "Timestamp":
        return "2027-11-22T12:00:00Z" if name in LATER else "2026-11-22T12:00:00Z"
    return {"Duration": "3.5s", "FieldMask": "name", "Empty": {}, "ListValue": []}.get(
        message.name, {}
    )
