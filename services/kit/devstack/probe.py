"""Questions a process answers when it is ready, on a port or a unix socket."""

import asyncio
from pathlib import Path

PROBE_TIMEOUT = 2.0
Address = tuple[str, int] | Path


async def ask(address: Address, question: bytes, answer_bytes: int = 4096) -> bytes:
    """Send bytes and give the first ones that come back; empty when nobody answers."""
    try:
        async with asyncio.timeout(PROBE_TIMEOUT):
            if isinstance(address, Path):
                reader, writer = await asyncio.open_unix_connection(str(address))
            else:
                reader, writer = await asyncio.open_connection(*address)
            try:
                writer.write(question)
                await writer.drain()
                return await reader.read(answer_bytes)
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return b""


async def http_status(address: Address, path: str) -> int:
    """The status of a GET; 0 when nobody answers."""
    # No HTTP library: importing one takes longer than most of these waits.
    answer = await ask(
        address, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    )
    words = answer.split(b"\r\n", 1)[0].split()
    return int(words[1]) if len(words) >= 2 and words[1].isdigit() else 0
