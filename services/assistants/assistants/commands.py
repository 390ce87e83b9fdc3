"""What changes assistants."""

from google.protobuf.empty_pb2 import Empty
from malha.assistants.v1.assistant_pb2 import Assistant
from malha.assistants.v1.assistant_service_pb2 import (
    CreateAssistantRequest,
    DeleteAssistantRequest,
    UpdateAssistantRequest,
)
from malha.assistants.v1.events_pb2 import AssistantCreated, AssistantDeleted, AssistantUpdated

from services.assistants.assistants.model import (
    AssistantNotFound,
    Configuration,
    WorkspaceMissing,
    assistant_of,
)
from services.assistants.settings import AssistantsSettings
from services.kit.call import Call
from services.kit.clock import Clock
from services.kit.etags import require_etag
from services.kit.ids import new_id
from services.kit.limits import keep_within
from services.kit.sql import load_sql

sql = load_sql(__package__, "assistants.sql")


async def create_assistant(
    call: Call, request: CreateAssistantRequest, *, clock: Clock, settings: AssistantsSettings
) -> Assistant:
    """Create an assistant in the caller's workspace, as version 1."""
    if not call.workspace_id:
        raise WorkspaceMissing
    wanted = Configuration.requested(request, settings.quiet_time)
    async with call.transaction() as tx:
        await keep_within(tx, "assistants", call.limits.assistants, sql.count_assistants, "")
        row = await tx.one(
            sql.insert_assistant, new_id(), call.workspace_id, clock.now(), *_columns(wanted)
        )
        assistant = assistant_of(row)
        tx.emit(AssistantCreated(assistant=assistant))
    return assistant


async def update_assistant(
    call: Call, request: UpdateAssistantRequest, *, clock: Clock
) -> Assistant:
    """Change what the request sets, as the next version; nothing new makes no version.

    Raises EtagMismatch when the request names a version and another one is current.
    """
    async with call.transaction() as tx:
        row = await tx.one(
            sql.lock_assistant,
            request.id,
            call.workspace_id,
            missing=AssistantNotFound(id=request.id),
        )
        current = assistant_of(row)
        require_etag(request, current)
        before = Configuration.stored(row)
        wanted = before.changed_by(request)
        if wanted == before:
            return current
        row = await tx.one(sql.update_assistant, request.id, clock.now(), *_columns(wanted))
        assistant = assistant_of(row)
        tx.emit(AssistantUpdated(assistant=assistant))
    return assistant


async def delete_assistant(call: Call, request: DeleteAssistantRequest, *, clock: Clock) -> Empty:
    """Delete an assistant and let everyone forget it; deleting it again changes nothing."""
    async with call.transaction() as tx:
        row = await tx.one(
            sql.delete_assistant,
            request.id,
            call.workspace_id,
            clock.now(),
            missing=AssistantNotFound(id=request.id),
        )
        if row["deleted_now"]:
            tx.emit(AssistantDeleted(assistant_id=request.id))
    return Empty()


def _columns(wanted: Configuration) -> tuple[object, ...]:
    return (
        wanted.name,
        wanted.instructions,
        wanted.language,
        list(wanted.models),
        wanted.quiet_time,
        wanted.max_wait,
        wanted.min_score,
    )
