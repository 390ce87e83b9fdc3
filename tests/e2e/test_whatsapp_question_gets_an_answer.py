"""The main journey: a customer asks by WhatsApp, and reads the answer with its source."""

from __future__ import annotations

import asyncio

from tests.outside import Outside, new_customer, new_wamid, until

QUESTION = "Qual é o prazo para trocar um produto?"


async def test_a_question_gets_an_answer_with_its_source(world: Outside) -> None:
    customer = new_customer()
    await world.write(customer, QUESTION)
    answer = await world.first_answer(customer)
    assert "30 dias" in answer
    assert "Fonte: " in answer

    asked, answered = await world.messages_of(customer)
    assert asked["message"]["content"]["text"]["text"] == QUESTION
    assert asked["direction"] == "DIRECTION_INBOUND"
    assert answered["author"] == "AUTHOR_ASSISTANT"
    assert answered["message"]["content"]["text"]["text"] == answer
    assert answered["sources"]


async def test_what_nobody_taught_it_the_assistant_does_not_know(world: Outside) -> None:
    customer = new_customer()
    await world.write(customer, "Qual é a capital da Mongólia?")
    assert "Fonte: " not in await world.first_answer(customer)


async def test_five_messages_get_one_answer_that_covers_them(world: Outside) -> None:
    customer = new_customer()
    texts = [
        "Oi!",
        "Comprei um vestido e não serviu",
        "qual o prazo para trocar?",
        "e vocês aceitam pix?",
        "até que horas atendem?",
    ]
    wamids = [await world.write(customer, text) for text in texts]
    answer = await world.first_answer(customer)
    assert "30 dias" in answer
    assert "Pix" in answer
    assert "18h" in answer or "horário" in answer.lower()

    messages = await world.messages_of(customer)
    inbound = [m for m in messages if m["direction"] == "DIRECTION_INBOUND"]
    outbound = [m for m in messages if m["direction"] == "DIRECTION_OUTBOUND"]
    assert [m["message"]["externalId"] for m in inbound] == wamids
    assert len({m["turnId"] for m in messages}) == 1
    assert len(outbound) == len(await world.answers(customer)) == 1

    events = await world.get("/v1/webhook-events", status="WEBHOOK_STATUS_ACCEPTED", pageSize=200)
    accepted = {e["externalId"] for e in events["webhookEvents"] if e["kind"] == "message"}
    assert accepted >= set(wamids)


async def test_one_correlation_id_leads_from_the_webhook_to_the_delivery(world: Outside) -> None:
    customer = new_customer()
    wamid = await world.write(customer, QUESTION)
    await world.first_answer(customer)

    async def read() -> bool:
        return (await world.messages_of(customer))[-1]["status"] == "MESSAGE_STATUS_READ"

    await until(read)
    events = await world.get("/v1/webhook-events", pageSize=200)
    (event,) = [e for e in events["webhookEvents"] if e["externalId"] == wamid]
    correlation = event["correlationId"]
    timeline = await world.get(f"/v1/timelines/{correlation}")
    steps = [entry["step"] for entry in timeline["entries"]]
    expected = [
        "webhook_received",
        "webhook_accepted",
        "message_stored",
        "turn_opened",
        "reply_ready",
        "reply_sent",
        "reply_delivered",
        "reply_read",
    ]
    assert [step for step in dict.fromkeys(steps) if step in expected] == expected
    again = await world.get("/v1/webhook-events", correlationId=correlation)
    assert {e["kind"] for e in again["webhookEvents"]} == {"message", "status"}


async def test_a_repeated_webhook_is_one_message(world: Outside) -> None:
    customer, wamid = new_customer(), new_wamid()
    await asyncio.gather(*(world.write(customer, QUESTION, wamid) for _ in range(5)))
    await world.first_answer(customer)
    messages = await world.messages_of(customer)
    assert [m["message"]["externalId"] for m in messages].count(wamid) == 1
    events = await world.get("/v1/webhook-events", pageSize=200)
    mine = [e for e in events["webhookEvents"] if e["externalId"] == wamid]
    assert sorted(e["status"] for e in mine) == [
        "WEBHOOK_STATUS_ACCEPTED",
        *["WEBHOOK_STATUS_REJECTED"] * 4,
    ]
    assert {e["reason"] for e in mine} == {"", "DUPLICATE"}
