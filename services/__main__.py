"""What an operator does to the mesh as a whole: python -m services <command>.

migrate       create the services' roles and bring the schema up to date
topology      create the bus's streams and durables
nats-config   print the NATS server's configuration; public nkeys as JSON on standard input
seed          create the demo tenant, or go on with the one printed before, given as JSON on
              standard input; prints what is needed to reach it
env-example   print every setting with its meaning and default
reasons       print every error's reason, as partners read it
dead-letters  list what the bus gave up on; with --send-again ID, try one again

What an operator does to tenants; crm keeps who (--name) and why (--reason).

operator-token     print a token for AdminService: --name ana [--minutes 15]
tenants            list every tenant
suspend-tenant     ID --reason WHY: stop its webhooks, API and assistants
reactivate-tenant  ID --reason WHY: serve it again, also one that is being deleted
set-plan           ID PLAN --reason WHY: move it to another plan
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from nats.aio.client import Client

from services import operators
from services.demo.seed import SeedFailed, seed
from services.kit.bus import connect
from services.kit.deadletters import NoSuchLetter, list_dead_letters, send_again
from services.kit.errors import AppError
from services.kit.migrate import MigrationFailed, migrate
from services.kit.settings import KitSettings, read_settings, required
from services.settings import OperatorSettings


async def _migrate() -> None:
    from services.registry import migrations

    settings, own = read_settings(KitSettings), read_settings(OperatorSettings)
    url = required(settings.database_url, "MALHA_DATABASE_URL").get_secret_value()
    passwords = {role: value.get_secret_value() for role, value in own.database_passwords.items()}
    await migrate(url, migrations(), passwords)


async def _topology() -> None:
    from services.kit.topology import create
    from services.registry import services

    replicas = read_settings(OperatorSettings).nats_replicas
    async with _bus() as client:
        await create(client, services(), replicas=replicas)


@asynccontextmanager
async def _bus() -> AsyncIterator[Client]:
    settings = read_settings(KitSettings)
    seed = required(settings.nats_seed, "MALHA_NATS_SEED").get_secret_value()
    url = required(settings.nats_url, "MALHA_NATS_URL")
    client = await connect(url, service="operator", seed=seed)
    try:
        yield client
    finally:
        await client.close()


def _nats_config(options: argparse.Namespace) -> None:
    from services.kit.topology import nats_conf
    from services.registry import services

    keys = json.load(sys.stdin)
    print(
        nats_conf(
            services(),
            keys,
            listen=options.listen,
            store=options.store,
            http_port=options.http_port,
        )
    )


async def _seed() -> None:
    own = read_settings(OperatorSettings)
    before = "" if sys.stdin.isatty() else sys.stdin.read()
    told = await seed(
        read_settings(KitSettings), own.sandbox_url, json.loads(before) if before else {}
    )
    print(json.dumps(told))


def _env_example() -> None:
    from services.kit.settings_doc import env_example
    from services.registry import settings

    print(env_example(settings()), end="")


async def _dead_letters(options: argparse.Namespace) -> None:
    async with _bus() as client:
        if options.send_again is not None:
            await send_again(client, options.send_again)
        else:
            for letter in await list_dead_letters(client):
                print(json.dumps(letter))


def main() -> None:
    """Run one command."""
    parser = argparse.ArgumentParser(
        prog="python -m services",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("migrate", "topology", "seed", "env-example", "reasons"):
        commands.add_parser(name)
    nats = commands.add_parser("nats-config")
    nats.add_argument("--listen", required=True)
    nats.add_argument("--store", required=True)
    nats.add_argument("--http-port", type=int)
    letters = commands.add_parser("dead-letters")
    letters.add_argument("--send-again", type=int, metavar="ID")
    operators.add_commands(commands)
    options = parser.parse_args()
    match options.command:
        case "migrate":
            asyncio.run(_migrate())
        case "topology":
            asyncio.run(_topology())
        case "nats-config":
            _nats_config(options)
        case "seed":
            asyncio.run(_seed())
        case "env-example":
            _env_example()
        case "reasons":
            from services.reasons import reasons

            print(reasons(), end="")
        case "dead-letters":
            asyncio.run(_dead_letters(options))
        case _:
            asyncio.run(operators.run(options))


if __name__ == "__main__":
    try:
        main()
    except (AppError, MigrationFailed, NoSuchLetter, SeedFailed) as problem:
        sys.exit(str(problem))
