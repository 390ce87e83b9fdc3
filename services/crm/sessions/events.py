"""What goes on by itself."""

import asyncio

from services.crm.sessions.guessing import Guessing
from services.kit.context import background
from services.kit.errors import AppError
from services.kit.log import get_logger

log = get_logger(__name__)

_EVERY_SECONDS = 600.0


@background
async def forget_guesses(*, guessing: Guessing) -> None:
    """Delete counts of guesses that nobody needs any more."""
    while True:
        try:
            await guessing.forget_old()
        except AppError as error:
            log.warning("old guesses kept for now", reason=error.reason)
        await asyncio.sleep(_EVERY_SECONDS)
