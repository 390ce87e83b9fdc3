"""Passwords: what they must be, how they are stored, and what becomes of forgotten ones."""

from malha.crm.v1 import password_service_pb2

from services.crm.passwords import commands
from services.kit.context import Context

CONTEXT = Context(
    "passwords",
    rpcs=(password_service_pb2.DESCRIPTOR.services_by_name["PasswordService"],),
    commands=commands,
)
