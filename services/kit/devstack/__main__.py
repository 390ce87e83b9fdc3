"""`python -m services.kit.devstack up|down|clean|dev|status|run -- command|operate -- command`."""

import argparse
import asyncio
import sys

from services.kit.devstack import commands
from services.kit.devstack.errors import StackError
from services.kit.devstack.paths import StatePaths

ACTIONS = {
    "up": commands.up,
    "down": commands.down,
    "clean": commands.clean,
    "dev": commands.dev,
    "status": commands.status,
    "supervise": commands.supervise,
}

WITH_COMMAND = {"run": commands.run, "operate": commands.operate}


def main() -> int:
    """Do what the command line says; a failure is one sentence and the end of a log."""
    parser = argparse.ArgumentParser(
        prog="devstack", description="Starts and stops the whole mesh on this machine."
    )
    actions = parser.add_subparsers(dest="action", required=True)
    for name, action in ACTIONS.items():
        actions.add_parser(name, help=(action.__doc__ or "").splitlines()[0])
    for name, with_command in WITH_COMMAND.items():
        taking = actions.add_parser(name, help=(with_command.__doc__ or "").splitlines()[0])
        taking.add_argument("command", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    try:
        paths = StatePaths.at()
        if chosen := WITH_COMMAND.get(arguments.action):
            command = (
                arguments.command[1:] if arguments.command[:1] == ["--"] else arguments.command
            )
            return asyncio.run(chosen(paths, command))
        return asyncio.run(ACTIONS[arguments.action](paths))
    except StackError as error:
        print(error.report(), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
