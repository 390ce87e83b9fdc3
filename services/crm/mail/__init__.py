"""E-mail to people: stored sealed with what it is about, sent once, then erased."""

from malha.crm.v1.commands_pb2 import SendMail

from services.crm.mail import commands, events
from services.kit.context import Context

CONTEXT = Context("mail", commands=commands, events=events, handles=(SendMail,))
