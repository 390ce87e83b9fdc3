"""What is read of API keys; never the keys themselves."""

from malha.crm.v1.api_key_pb2 import ApiKey
from malha.crm.v1.api_key_service_pb2 import (
    GetApiKeyRequest,
    ListApiKeysRequest,
    ListApiKeysResponse,
)

from services.crm.api_keys.model import ApiKeyNotFound, api_key_of
from services.kit.call import Call
from services.kit.pages import Page
from services.kit.sql import load_sql

sql = load_sql(__package__, "api_keys.sql")


async def list_api_keys(call: Call, request: ListApiKeysRequest) -> ListApiKeysResponse:
    """One page of keys' records, newest first."""
    page = Page.of(request, call)
    query = page.directed(sql.list_api_keys)
    rows = await call.all(query, request.show_revoked, page.after, page.limit)
    shown, token = page.cut(rows, by="id")
    return ListApiKeysResponse(api_keys=[api_key_of(row) for row in shown], next_page_token=token)


async def get_api_key(call: Call, request: GetApiKeyRequest) -> ApiKey:
    """One key's record."""
    missing = ApiKeyNotFound(id=request.id)
    return api_key_of(await call.one(sql.get_api_key, request.id, missing=missing))
