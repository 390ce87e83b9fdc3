"""What a document may be."""

from __future__ import annotations

from dataclasses import dataclass

from malha.knowledge.v1.document_service_pb2 import CreateDocumentRequest

from services.kit.errors import InvalidRequest, NotFound
from services.knowledge.cleaning import clean, clean_line


class DocumentNotFound(NotFound):
    """No document has the id {id}."""


@dataclass(frozen=True, slots=True)
class Text:
    """A title and a text without anything invisible. Raises InvalidRequest when nothing is left."""

    title: str
    text: str

    def __post_init__(self) -> None:
        blank = [field for field in ("title", "text") if not getattr(self, field)]
        if blank:
            raise InvalidRequest([(field, "must not be blank") for field in blank])

    @classmethod
    def requested(cls, request: CreateDocumentRequest) -> Text:
        """What of a request is kept."""
        return cls(clean_line(request.title), clean(request.text))
