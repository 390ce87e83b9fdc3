"""Files between customers and businesses: kept in memory, fetched by a short-lived link."""

import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass

from sandbox.errors import GraphError

LINK_SECONDS = 300
_MB = 1024 * 1024
_DOCUMENT = 100 * _MB

LARGEST_UPLOAD: dict[str, int] = {
    "audio/aac": 16 * _MB,
    "audio/amr": 16 * _MB,
    "audio/mpeg": 16 * _MB,
    "audio/mp4": 16 * _MB,
    "audio/ogg": 16 * _MB,
    "image/jpeg": 5 * _MB,
    "image/png": 5 * _MB,
    "image/webp": 500 * 1024,
    "video/mp4": 16 * _MB,
    "video/3gpp": 16 * _MB,
    "text/plain": _DOCUMENT,
    "application/pdf": _DOCUMENT,
    "application/msword": _DOCUMENT,
    "application/vnd.ms-excel": _DOCUMENT,
    "application/vnd.ms-powerpoint": _DOCUMENT,
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": _DOCUMENT,
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": _DOCUMENT,
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": _DOCUMENT,
}
"""What a business may upload, and how large it may be."""


@dataclass(frozen=True, slots=True)
class Media:
    """One file."""

    id: str
    owner: str
    """The phone number id it was sent to or uploaded for."""
    mime_type: str
    sha256: str
    filename: str
    content: bytes


class MediaStore:
    """Every file, up to a number of bytes; the oldest go first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0
        self._files: OrderedDict[str, Media] = OrderedDict()
        self._key = secrets.token_bytes(32)

    def add(self, owner: str, content: bytes, mime_type: str, filename: str) -> Media:
        """Keep a file and give it an id."""
        media = Media(
            id=str(secrets.randbelow(9 * 10**14) + 10**14),
            owner=owner,
            mime_type=mime_type,
            sha256=hashlib.sha256(content).hexdigest(),
            filename=filename,
            content=content,
        )
        self._files[media.id] = media
        self._held += len(content)
        while self._held > self._limit and len(self._files) > 1:
            _, oldest = self._files.popitem(last=False)
            self._held -= len(oldest.content)
        return media

    def get(self, media_id: str) -> Media | None:
        """A file that is still kept."""
        return self._files.get(media_id)

    def remove(self, media: Media) -> None:
        """Forget a file."""
        if self._files.pop(media.id, None) is not None:
            self._held -= len(media.content)

    def link(self, base: str, media: Media) -> str:
        """An address for the file, good for five minutes and only together with the token."""
        expires = int(time.time()) + LINK_SECONDS
        seal = self._seal(media.id, str(expires))
        return f"{base}/whatsapp_business/attachments/?mid={media.id}&ext={expires}&hash={seal}"

    def open_link(self, media_id: str, expires: str, seal: str) -> Media | None:
        """The file behind a link, unless the link is forged or has expired."""
        genuine = hmac.compare_digest(self._seal(media_id, expires).encode(), seal.encode())
        if not genuine or int(expires) <= time.time():
            return None
        return self._files.get(media_id)

    def _seal(self, media_id: str, expires: str) -> str:
        return hmac.new(self._key, f"{media_id}.{expires}".encode(), hashlib.sha256).hexdigest()


def check_upload(mime_type: str, size: int) -> None:
    """Refuse what Meta would refuse to take from a business."""
    largest = LARGEST_UPLOAD.get(mime_type)
    if largest is None:
        allowed = ", ".join(LARGEST_UPLOAD)
        raise GraphError(
            100,
            "",
            message=f"Param file must be a file with one of the following types: {allowed}."
            f" Received file of type '{mime_type}'.",
        )
    if size > largest:
        raise GraphError(131053, f"A file of type {mime_type} may have at most {largest} bytes.")
