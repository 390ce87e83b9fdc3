"""Documents for tests, added as a partner would."""

from __future__ import annotations

from malha.assistants.v1.assistant_pb2 import Assistant
from malha.assistants.v1.assistant_service_pb2 import GetAssistantRequest
from malha.knowledge.v1.document_pb2 import Document
from malha.knowledge.v1.document_service_pb2 import CreateDocumentRequest

from services.kit.call import Call
from services.kit.clock import Clock
from services.kit.ids import new_id
from services.kit.testing import FakePeers, partner_call
from services.knowledge.documents.commands import create_document

TEXT = "Aceitamos Pix, cartão e boleto. O boleto vence em 3 dias e o Pix é aprovado na hora."


def assistants_of(workspace_id: str) -> FakePeers:
    """An assistants service where every id is an assistant of this workspace."""

    async def get_assistant(request: GetAssistantRequest) -> Assistant:
        return Assistant(id=request.id, workspace_id=workspace_id)

    return FakePeers({"AssistantService.GetAssistant": get_assistant})


def partner(call: Call, workspace_id: str = "", peers: FakePeers | None = None) -> Call:
    """A partner of the call's tenant."""
    workspace_id = workspace_id or new_id()
    return partner_call(
        call._database,
        tenant_id=call.tenant_id,
        workspace_id=workspace_id,
        peers=peers or assistants_of(workspace_id),
    )


async def add_document(
    call: Call, title: str = "Formas de pagamento", text: str = TEXT, *, assistant_id: str = ""
) -> Document:
    """A document of the call's tenant, not indexed yet."""
    return await create_document(
        call if call.actor.kind == "api_key" else partner(call),
        CreateDocumentRequest(assistant_id=assistant_id or new_id(), title=title, text=text),
        clock=Clock(),
    )
