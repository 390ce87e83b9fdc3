"""The passwords and keys of one mesh: made once, kept in `secrets.json`, shown to nobody else."""

import base64
import os
import secrets
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from services.kit.devstack.errors import StackError
from services.kit.devstack.paths import write_atomically

SERVICES = ("ingestion", "processing", "assistants", "knowledge", "crm")
BUS_USERS = ("admin", *SERVICES, "edge")
IDENTITIES = (*SERVICES, "edge", "operator")
SUPERUSER = "postgres"
OWNER = "malha_owner"


class KeyPair(BaseModel):
    """An Ed25519 key pair, each half as base64 of its 32 bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    private: str
    public: str


class BusKey(BaseModel):
    """A NATS user: the seed that signs its login, and the public key the server knows it by."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: str
    public: str


class Secrets(BaseModel):
    """Everything that must not be guessed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    postgres: dict[str, str]
    """Role to password: the superuser, the owner of the schemas, and one per service."""
    nats: dict[str, BusKey]
    """User to key: the administrator of streams, one per service, and the edge."""
    identities: dict[str, KeyPair]
    """Service to the key pair that signs what it says about itself."""
    encryption_key: str
    """32 bytes as base64: seals secrets at rest."""


def load_secrets(path: Path, guarded: Path) -> Secrets:
    """The secrets of this mesh; made now unless `guarded` exists, which needs the lost ones."""
    try:
        text = path.read_text()
    except FileNotFoundError:
        if guarded.exists():
            raise StackError(
                f"{path} is missing, and {guarded} cannot be opened without it: "
                "put it back, or start over with `make clean`."
            ) from None
        made = make_secrets()
        write_atomically(path, made.model_dump_json(indent=2) + "\n", sync=True)
        return made
    except (OSError, UnicodeDecodeError) as error:
        raise StackError(f"{path} cannot be read ({describe(error)}).") from error
    try:
        found = Secrets.model_validate_json(text)
    except ValidationError as error:
        raise StackError(
            f"{path} is damaged: put it back from a copy, or start over with `make clean`."
        ) from error
    return complete(found, path)


def complete(found: Secrets, path: Path) -> Secrets:
    """Add what a newer version of the mesh needs besides; nothing that is there changes."""
    if (
        {*POSTGRES_ROLES} <= found.postgres.keys()
        and {*BUS_USERS} <= found.nats.keys()
        and {*IDENTITIES} <= found.identities.keys()
    ):
        return found
    fresh = make_secrets()
    whole = Secrets(
        postgres=fresh.postgres | found.postgres,
        nats=fresh.nats | found.nats,
        identities=fresh.identities | found.identities,
        encryption_key=found.encryption_key,
    )
    write_atomically(path, whole.model_dump_json(indent=2) + "\n", sync=True)
    return whole


POSTGRES_ROLES = (SUPERUSER, OWNER, *(f"malha_{service}" for service in SERVICES))


def make_secrets() -> Secrets:
    """New secrets from the system's randomness."""
    return Secrets(
        # Hexadecimal, so that they need no quoting in an address, in SQL or in a shell.
        postgres={role: secrets.token_hex(24) for role in POSTGRES_ROLES},
        nats={user: make_bus_key() for user in BUS_USERS},
        identities={name: make_key_pair() for name in IDENTITIES},
        encryption_key=base64.b64encode(os.urandom(32)).decode(),
    )


def make_bus_key() -> BusKey:
    """A new NATS user key."""
    # Imported here: only the first start needs it, and every start waits for imports.
    import nkeys

    seed = nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER)
    return BusKey(seed=seed.decode(), public=nkeys.from_seed(seed).public_key.decode())


def make_key_pair() -> KeyPair:
    """A new Ed25519 key pair."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    return KeyPair(
        private=base64.b64encode(key.private_bytes_raw()).decode(),
        public=base64.b64encode(key.public_key().public_bytes_raw()).decode(),
    )


def describe(error: Exception) -> str:
    """The reason in a few words."""
    return (
        error.strerror or type(error).__name__ if isinstance(error, OSError) else "it is not text"
    )
