"""`python -m sandbox`: serve until told to stop."""

import asyncio
import logging
import signal
import socket
import sys

import structlog
import uvloop
from pydantic import ValidationError

from sandbox.app import serving
from sandbox.settings import SandboxSettings

log = structlog.get_logger(__name__)


async def serve(settings: SandboxSettings) -> None:
    """Run until SIGTERM or SIGINT, then stop at once: what is worth keeping is on disk already."""
    host, port = settings.address
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(1024)
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, stop.set)
        async with serving(settings, sock):
            log.info("sandbox ready", port=sock.getsockname()[1])
            await stop.wait()
        log.info("sandbox stopped")


def main() -> None:
    """Read the settings, or say in one sentence per setting what is wrong with them."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    try:
        settings = SandboxSettings()
    except ValidationError as error:
        for item in error.errors():
            name = "_".join(str(part) for part in item["loc"]).upper()
            print(f"MALHA_SANDBOX_{name}: {item['msg']}", file=sys.stderr)
        sys.exit(2)
    try:
        uvloop.run(serve(settings))
    except OSError as error:
        print(f"The sandbox cannot start on {settings.listen}: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
