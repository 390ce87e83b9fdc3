"""What a message says in words, for whoever cannot see or hear it."""

from __future__ import annotations

from malha.message.v1.message_pb2 import Message


def words_of(message: Message) -> str:
    """The words of a message; a note in brackets for what has none. Never empty."""
    return said_in_words(message) or f"[{_NOTES.get(_kind(message), 'mensagem')}]"


def said_in_words(message: Message) -> str:
    """What the sender wrote, chose, or was heard to say; empty when there are no words."""
    content = message.content
    match _kind(message):
        case "text":
            words = content.text.text
        case "audio":
            words = content.audio.text
        case "image":
            words = _both(content.image.caption, content.image.text)
        case "video":
            words = _both(content.video.caption, content.video.text)
        case "document":
            words = content.document.caption
        case "location":
            place = content.location
            named = ", ".join(filter(None, (place.name, place.address)))
            words = f"[localização: {named or f'{place.latitude:.5f}, {place.longitude:.5f}'}]"
        case "contacts":
            names = ", ".join(card.name for card in content.contacts.cards)
            words = f"[contato: {names}]"
        case "interactive_reply":
            reply = content.interactive_reply
            words = reply.title or reply.payload
        case "reaction":
            words = content.reaction.emoji
        case "template":
            words = " ".join((content.template.name, *content.template.parameters))
        case _:
            words = ""
    return words.strip()


_NOTES = {
    "audio": "áudio sem transcrição",
    "image": "imagem",
    "video": "vídeo",
    "document": "documento",
    "sticker": "figurinha",
    "reaction": "reação retirada",
    "unsupported": "mensagem que não pode ser lida",
}


def _kind(message: Message) -> str:
    return message.content.WhichOneof("kind") or ""


def _both(caption: str, interpretation: str) -> str:
    return " ".join(filter(None, (caption.strip(), interpretation and f"[{interpretation}]")))
