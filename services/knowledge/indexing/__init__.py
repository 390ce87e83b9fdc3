"""Indexing: documents are cut into passages and made findable, in the background."""

from malha.knowledge.v1.commands_pb2 import IndexDocument

from services.kit.context import Context
from services.knowledge.indexing import commands, events

CONTEXT = Context("indexing", commands=commands, events=events, handles=(IndexDocument,))
