"""SMTP: one e-mail, one connection, one time limit, and what each refusal means."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, localtime

import aiosmtplib

from services.crm.mail.addresses import parsed
from services.crm.mail.model import Letter
from services.crm.mail.settings import MailSettings
from services.kit.errors import Unavailable
from services.kit.log import get_logger

log = get_logger(__name__)

NOT_CONFIGURED = "SMTP_NOT_CONFIGURED"
_GOODBYE_SECONDS = 2.0


class MailServerUnavailable(Unavailable):
    """The mail server does not take e-mail now: {problem}."""


class MailRefused(Exception):
    """The mail server will never take this e-mail. Its only argument is the reason."""

    @property
    def reason(self) -> str:
        return str(self.args[0])


class MailSender:
    """Hands e-mails to the SMTP server of the settings."""

    def __init__(self, settings: MailSettings) -> None:
        self._settings = settings
        if not self.configured:
            log.warning("e-mail waits", setting="MALHA_CRM_MAIL_SERVER", reason=NOT_CONFIGURED)

    @property
    def configured(self) -> bool:
        """Whether there is a server at all."""
        return bool(self._settings.server)

    async def send(self, mail_id: str, to: str, language: str, letter: Letter) -> None:
        """Send an e-mail. Raises MailServerUnavailable, MailRefused."""
        settings = self._settings
        host, port = settings.address
        recipient = parsed(to)
        if recipient is None:
            raise MailRefused("ADDRESS_INVALID")
        message = self._message(mail_id, recipient, language, letter)
        client = aiosmtplib.SMTP(
            hostname=host,
            port=port,
            # By default it asks DNS for our name, and the whole process waits.
            local_hostname=settings.sender.rpartition("@")[2],
            username=settings.username or None,
            password=settings.password.get_secret_value() or None,
            use_tls=settings.security == "tls",
            # True refuses a server without it: somebody on the way could hide that it can.
            start_tls=settings.security == "starttls",
            timeout=settings.timeout_seconds,
        )
        try:
            async with asyncio.timeout(settings.timeout_seconds):
                await client.connect()
                await client.send_message(message, sender=settings.sender, recipients=[to])
            # A server that fails to say goodbye has the e-mail all the same.
            with suppress(aiosmtplib.SMTPException, OSError):
                await client.quit(timeout=_GOODBYE_SECONDS)
        except (aiosmtplib.SMTPException, ssl.SSLError, OSError, TimeoutError) as error:
            raise _judged(error) from None
        finally:
            # Not by its own context, which says goodbye to a server that hangs, and waits again.
            client.close()

    def _message(self, mail_id: str, to: Address, language: str, letter: Letter) -> EmailMessage:
        settings = self._settings
        message = EmailMessage(policy=SMTP)
        message["From"] = Address(settings.sender_name, addr_spec=settings.sender)
        message["To"] = to
        message["Subject"] = letter.subject
        message["Date"] = format_datetime(localtime())
        # The same on every attempt: who gets it twice can see that it is one.
        message["Message-ID"] = f"<{mail_id}@{settings.sender.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(letter.text)
        message.add_alternative(letter.html, subtype="html")
        message["Content-Language"] = language  # Last: a header of content moves into the parts.
        return message


def _judged(error: Exception) -> Exception:
    """Whether it is this e-mail that the server does not want, or any e-mail now."""
    match error:
        case aiosmtplib.SMTPRecipientsRefused():
            reason, code = "RECIPIENT_REFUSED", error.recipients[0].code
        case aiosmtplib.SMTPDataError():
            reason, code = "MESSAGE_REFUSED", error.code
        case aiosmtplib.SMTPResponseException():
            # Our name, our password or our address is not taken: no fault of this e-mail.
            return MailServerUnavailable(problem=f"it answered {error.code}")
        case _:
            # Its text may quote an address.
            return MailServerUnavailable(problem=type(error).__name__)
    if code >= 500:
        return MailRefused(reason)
    return MailServerUnavailable(problem=f"it answered {code}")
