"""Anthropic's models through the official SDK, against llmock, an independent mock of its API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from llmock.pytest_plugin import LLMock

from services.kit.ai.anthropic import Anthropic
from tests.contracts.llm import LLMContract
from tests.contracts.remote_llm import RemoteContract


class TestAnthropic(LLMContract, RemoteContract):
    provider = "anthropic"

    def open(self, base_url: str) -> Anthropic:
        return Anthropic("claude-sonnet-5", api_key="sk-ant-test", base_url=base_url)

    @pytest.fixture
    async def llm(self, llmock: LLMock) -> AsyncIterator[Anthropic]:
        model = self.open(llmock.base_url("anthropic"))
        yield model
        await model.close()

    def sent(self, llmock: LLMock) -> tuple[str, list[dict[str, Any]]]:
        body = llmock.last_request.body
        return body["system"], body["messages"]
