"""python -m edge"""

import asyncio
import signal
import sys

import uvloop

from edge.process import serve
from edge.settings import EdgeSettings
from services.kit.log import configure_logs
from services.kit.settings import KitSettings, read_settings


def main() -> int:
    """Serve until SIGTERM or SIGINT."""
    kit = read_settings(KitSettings)
    settings = read_settings(EdgeSettings)
    configure_logs(kit.service_name, kit.log_level)

    async def run() -> int:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        return await serve(kit, settings, stop)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run())


if __name__ == "__main__":
    sys.exit(main())
