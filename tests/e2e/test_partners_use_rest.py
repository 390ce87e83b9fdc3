"""A partner's day over REST: create, read, change, list, delete, and clear errors."""

from __future__ import annotations

import pytest

from tests.outside import Outside, new_customer, until


async def _create_assistant(world: Outside, **fields: object) -> dict[str, object]:
    answer = await world.rest("POST", "/v1/assistants", {"name": "Lia", **fields})
    assert answer.status == 200, answer
    body: dict[str, object] = answer.body
    return body


async def test_an_assistant_lives_and_dies(world: Outside) -> None:
    made = await _create_assistant(world, quietTime="1.5s")
    path = f"/v1/assistants/{made['id']}"
    assert (await world.get(path))["quietTime"] == "1.500s"
    changed = await world.rest("PATCH", path, {"name": "Lia II"})
    assert (changed.body["name"], changed.body["quietTime"]) == ("Lia II", "1.500s")
    cleared = await world.rest("PATCH", path, {"instructions": ""})
    assert cleared.body["instructions"] == ""
    assert (await world.rest("DELETE", path)).status == 200
    gone = await world.rest("GET", path)
    assert (gone.status, gone.reason) == (404, "ASSISTANT_NOT_FOUND")


async def test_lists_are_paged(world: Outside) -> None:
    made = {str((await _create_assistant(world))["id"]) for _ in range(5)}
    seen: list[str] = []
    token = ""
    while True:
        page = await world.get("/v1/assistants", pageSize=2, pageToken=token)
        seen += [assistant["id"] for assistant in page["assistants"]]
        token = page["nextPageToken"]
        if not token:
            break
    assert len(seen) == len(set(seen))
    assert made <= set(seen)
    for assistant_id in made:
        await world.rest("DELETE", f"/v1/assistants/{assistant_id}")


async def test_a_document_is_taught_and_found(world: Outside) -> None:
    assistant = await _create_assistant(world)
    document = await world.rest(
        "POST",
        "/v1/documents",
        {
            "assistantId": assistant["id"],
            "title": "Estacionamento",
            "text": "O estacionamento da loja é gratuito por duas horas para clientes.",
        },
    )
    assert document.status == 200, document
    path = f"/v1/documents/{document.body['id']}"

    async def ready() -> bool:
        return bool((await world.get(path))["status"] == "DOCUMENT_STATUS_READY")

    await until(ready)
    found = await world.get(
        "/v1/passages", assistantId=assistant["id"], queries="o estacionamento é pago?"
    )
    assert found["results"][0]["passages"][0]["title"] == "Estacionamento"
    other = await world.get(
        "/v1/passages", assistantId=world.demo["assistant_id"], queries="o estacionamento é pago?"
    )
    titles = [p["title"] for result in other["results"] for p in result["passages"]]
    assert "Estacionamento" not in titles
    await world.rest("DELETE", f"/v1/assistants/{assistant['id']}")

    async def forgotten() -> bool:
        return (await world.rest("GET", path)).status == 404

    await until(forgotten)


async def test_a_partner_writes_into_a_conversation(world: Outside) -> None:
    customer = new_customer()
    await world.write(customer, "oi")
    conversation = await world.conversation_of(customer)
    path = f"/v1/conversations/{conversation['id']}/messages"
    sent = await world.rest("POST", path, {"text": "Seu pedido saiu para entrega."})
    assert (sent.status, sent.body["author"]) == (200, "AUTHOR_API")

    async def arrived() -> bool:
        texts = [m["content"]["text"]["body"] for m in await world.answers(customer)]
        return "Seu pedido saiu para entrega." in texts

    await until(arrived)


async def test_secrets_are_never_returned(world: Outside) -> None:
    connection = await world.rest("GET", f"/v1/connections/{world.channel['id']}")
    listed = await world.rest("GET", "/v1/connections")
    for secret in ("app_secret", "access_token", "verify_token"):
        assert world.channel[secret] not in str(connection.body) + str(listed.body)
    assert connection.body["externalId"] == world.channel["phone_number_id"]


@pytest.mark.parametrize(
    ("method", "path", "body", "key", "status", "reason"),
    [
        ("GET", "/v1/assistants", None, "", 401, "CREDENTIALS_MISSING"),
        ("GET", "/v1/assistants", None, "malha_nonsense", 401, "API_KEY_INVALID"),
        ("GET", "/v1/assistants/00000000-0000-7000-8000-00000000beef", None, None, 404,
         "ASSISTANT_NOT_FOUND"),
        ("GET", "/v1/conversations/00000000-0000-7000-8000-00000000beef", None, None, 404,
         "CONVERSATION_NOT_FOUND"),
        ("GET", "/v1/webhook-events/00000000-0000-7000-8000-00000000beef", None, None, 404,
         "WEBHOOK_EVENT_NOT_FOUND"),
        ("GET", "/v1/assistants/nonsense", None, None, 400, "INVALID_REQUEST"),
        ("POST", "/v1/assistants", {"name": ""}, None, 400, "INVALID_REQUEST"),
        ("GET", "/v1/assistants?pageSize=201", None, None, 400, "INVALID_REQUEST"),
        ("GET", "/v1/assistants?pageToken=abc", None, None, 409, "PAGE_TOKEN_INVALID"),
        ("POST", "/v1/connections", {"channel": "telegraph", "config": {}}, None, 400,
         "INVALID_REQUEST"),
    ],
)  # fmt: skip
async def test_errors_say_what_is_wrong(
    world: Outside,
    method: str,
    path: str,
    body: object,
    key: str | None,
    status: int,
    reason: str,
) -> None:
    answer = await world.rest(method, path, body, key=key)
    assert (answer.status, answer.reason) == (status, reason), answer
    assert any("requestId" in detail for detail in answer.body["details"])


async def test_field_errors_name_the_field(world: Outside) -> None:
    answer = await world.rest("POST", "/v1/assistants", {"name": "", "minScore": 2})
    fields = [v["field"] for d in answer.body["details"] for v in d.get("fieldViolations", [])]
    assert fields == ["name", "minScore"]


async def test_unknown_routes_and_parameters_are_answered_cleanly(world: Outside) -> None:
    assert (await world.rest("GET", "/v1/nothing")).status == 404
    assert (await world.rest("GET", "/v1/assistants", params={"nonsense": "1"})).status == 400
    internal = await world.rest("POST", "/malha.crm.v1.AdminService/CreateTenant", {})
    assert internal.status in {404, 405, 415}


async def test_a_person_signs_in_and_is_known(world: Outside) -> None:
    user = world.demo["user"]
    session = await world.rest("POST", "/v1/sessions", user, key="")
    assert session.status == 200
    bearer = {"authorization": f"Bearer {session.body['accessToken']}"}
    tenant = await world.rest("GET", "/v1/tenant", key="", headers=bearer)
    assert tenant.body["id"] == world.demo["tenant_id"]
    wrong = await world.rest("POST", "/v1/sessions", {**user, "password": "wrong"}, key="")
    assert (wrong.status, wrong.reason) == (401, "CREDENTIALS_INVALID")


async def test_the_documentation_is_served(world: Outside) -> None:
    document = await world.rest("GET", "/openapi/v1.json", key="")
    assert document.body["openapi"].startswith("3.1")
    assert "/v1/assistants" in document.body["paths"]
    page = await world.rest("GET", "/docs/v1", key="")
    assert page.status == 200
    assert "swagger" in str(page.body).lower()
