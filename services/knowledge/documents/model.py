"""What a document may be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from malha.knowledge.v1.document_pb2 import Document
from malha.knowledge.v1.document_service_pb2 import CreateDocumentRequest, UpdateDocumentRequest

from services.kit.errors import FailedPrecondition, NotFound
from services.kit.etags import with_etag
from services.kit.rows import from_row
from services.knowledge.cleaning import clean, clean_line

SIZE = "knowledge_bytes"
"""The limit of the plan that texts count against."""


class DocumentNotFound(NotFound):
    """No document has the id {id}."""


class DocumentBlank(FailedPrecondition):
    """Nothing that a reader could see is left of: {fields}."""

    def __init__(self, fields: Iterable[str]) -> None:
        self._fields = tuple(fields)
        super().__init__(fields=", ".join(self._fields))

    def violations(self) -> Iterable[tuple[str, str]]:
        return [(field, "must not be blank") for field in self._fields]


@dataclass(frozen=True, slots=True)
class Text:
    """A title and a text without anything invisible. Raises DocumentBlank when nothing is left."""

    title: str
    text: str

    def __post_init__(self) -> None:
        _refuse_blank(title=self.title, text=self.text)

    @classmethod
    def requested(cls, request: CreateDocumentRequest) -> Text:
        """What of a request is kept."""
        return cls(clean_line(request.title), clean(request.text))

    @property
    def size(self) -> int:
        """What it takes of the plan: the text's bytes of UTF-8."""
        return len(self.text.encode())


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be different. Raises DocumentBlank when nothing is left of what is set."""

    title: str | None
    text: str | None

    def __post_init__(self) -> None:
        _refuse_blank(title=self.title, text=self.text)

    @classmethod
    def requested(cls, request: UpdateDocumentRequest) -> Change:
        """What of a request is kept: absent leaves, present sets."""
        return cls(
            clean_line(request.title) if request.HasField("title") else None,
            clean(request.text) if request.HasField("text") else None,
        )

    def made_to(self, before: Text) -> Text:
        """What comes of it."""
        return Text(
            before.title if self.title is None else self.title,
            before.text if self.text is None else self.text,
        )


def document_of(row: Mapping[str, Any]) -> Document:
    """A row as everybody else sees it, with its etag."""
    return with_etag(from_row(Document, row))


def _refuse_blank(**fields: str | None) -> None:
    blank = [field for field, given in fields.items() if given == ""]
    if blank:
        raise DocumentBlank(blank)
