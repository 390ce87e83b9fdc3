"""What every service's functions can ask for, by its type."""

from __future__ import annotations

import aiohttp
from dishka import Provider, Scope, provide
from nats.aio.client import Client
from pydantic_settings import BaseSettings
from redis.asyncio import Redis

from services.kit.auth import AccessDirectory, Authenticator, Signer
from services.kit.bus import connect
from services.kit.cache import Cache
from services.kit.clock import Clock
from services.kit.crypto import Sealer
from services.kit.db import Database
from services.kit.directory import RemoteAccess
from services.kit.idempotency import Idempotency
from services.kit.peers import Peers
from services.kit.ratelimit import RateLimiter
from services.kit.settings import KitSettings, required
from services.kit.tenants import Tenants


class KitProvider(Provider):
    """What every service is given: database, cache, bus, peers, clock, HTTP client, sealer."""

    scope = Scope.APP

    def __init__(self, settings: KitSettings) -> None:
        super().__init__()
        self._settings = settings

    @provide
    def settings(self) -> KitSettings:
        return self._settings

    @provide
    def clock(self) -> Clock:
        return Clock()

    @provide
    async def database(self) -> Database:
        url = required(self._settings.database_url, "MALHA_DATABASE_URL").get_secret_value()
        return await Database.connect(
            url, service=self._settings.service_name, size=self._settings.database_pool
        )

    @provide
    def valkey(self) -> Redis:
        return Redis.from_url(
            required(self._settings.redis_url, "MALHA_REDIS_URL"),
            socket_timeout=1.0,
            socket_connect_timeout=1.0,
            health_check_interval=15,
        )

    @provide
    def cache(self, client: Redis) -> Cache:
        return Cache(client)

    @provide
    async def bus(self) -> Client:
        seed = self._settings.nats_seed
        return await connect(
            required(self._settings.nats_url, "MALHA_NATS_URL"),
            service=self._settings.service_name,
            seed=seed.get_secret_value() if seed else None,
        )

    @provide
    def signer(self) -> Signer:
        return Signer(self._settings.service_name, self._settings.service_key.get_secret_value())

    @provide
    def peers(self, signer: Signer) -> Peers:
        return Peers(self._settings.peers, signer)

    @provide
    def directory(self, peers: Peers) -> AccessDirectory:
        return RemoteAccess(peers)

    @provide
    def authenticator(self, directory: AccessDirectory, bus: Client) -> Authenticator:
        authenticator = Authenticator(self._settings.service_public_keys, directory)
        authenticator.accesses.hears = lambda: (
            bus.stats["reconnects"] + 1 if bus.is_connected else 0
        )
        return authenticator

    limiter = provide(RateLimiter)
    tenants = provide(Tenants)
    idempotency = provide(Idempotency)

    @provide
    def sealer(self) -> Sealer:
        return Sealer(self._settings.encryption_keys)

    @provide
    async def http(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=200, ttl_dns_cache=60),
            timeout=aiohttp.ClientTimeout(total=30, connect=5),
            auto_decompress=True,
        )


class SettingsProvider(Provider):
    """A service's own settings, by their class."""

    scope = Scope.APP

    def __init__(self, settings: BaseSettings) -> None:
        super().__init__()
        self.provide(lambda: settings, provides=type(settings))
