"""The second factor of signing in."""

from malha.crm.v1 import second_factor_service_pb2

from services.crm.second_factor import commands
from services.kit.context import Context

CONTEXT = Context(
    "second_factor",
    rpcs=(second_factor_service_pb2.DESCRIPTOR.services_by_name["SecondFactorService"],),
    commands=commands,
)
