"""What `python -m services.kit.devstack` does."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

from services.kit.devstack.environment import inherited, python_command
from services.kit.devstack.errors import StackError
from services.kit.devstack.lock import StateLock, end_leftovers
from services.kit.devstack.mesh import Mesh, read_demo
from services.kit.devstack.paths import PROJECT, PYTHON_PATH, StatePaths
from services.kit.devstack.process import ProcessId, start_mark
from services.kit.devstack.screen import Screen, render
from services.kit.devstack.secrets import SERVICES, load_secrets
from services.kit.devstack.status import FAILED, HEALTHY, Status
from services.kit.devstack.supervisor import Supervisor

HTTP_PORT, GRPC_PORT = 8080, 8081
STOP_LIMIT = 45.0
FOLLOW_INTERVAL = 0.05


async def up(paths: StatePaths) -> int:
    """Start a mesh that goes on by itself; return when it is healthy."""
    screen = Screen(paths)
    began = time.monotonic()
    holder = StateLock(paths.lock).holder()
    if holder is None:
        # Refuses a bad setting here, where it is seen at once.
        wanted_ports()
        detached = start_detached(paths)
        holder = detached.pid
    else:
        detached = None
    try:
        with screen.open():
            status = await follow(paths, holder, detached, screen)
    except asyncio.CancelledError:
        if detached is not None:
            detached.terminate()
        raise
    screen.welcome(status, read_demo(paths), time.monotonic() - began if detached else None)
    return 0


def start_detached(paths: StatePaths) -> subprocess.Popen[bytes]:
    """A supervisor of its own session, with its log."""
    paths.create()
    with paths.log("supervisor").open("ab") as log:
        log.write(f"{start_mark('supervisor')}\n".encode())
        log.flush()
        return subprocess.Popen(
            python_command("-m", "services.kit.devstack", "supervise"),
            cwd=PROJECT,
            env=os.environ
            | {
                "PYTHONPATH": os.pathsep.join(map(str, PYTHON_PATH)),
                "MALHA_STATE_DIR": str(paths.root),
            },
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


async def follow(
    paths: StatePaths, supervisor: int, detached: subprocess.Popen[bytes] | None, screen: Screen
) -> Status:
    """Show how the start of a supervisor goes; give its status once healthy."""
    identity = ProcessId.of(supervisor)
    while True:
        status = Status.read(paths.status)
        if status is not None and status.supervisor == supervisor:
            screen.show(status)
            if status.phase == HEALTHY:
                return status
            if status.phase == FAILED:
                raise StackError(status.report)
        if (detached and detached.poll() is not None) or not (identity and identity.alive()):
            status = Status.read(paths.status)
            if status is not None and status.supervisor == supervisor and status.report:
                raise StackError(status.report)
            raise StackError(
                "The supervisor ended before the mesh was up.", paths.log("supervisor")
            )
        await asyncio.sleep(FOLLOW_INTERVAL)


async def down(paths: StatePaths) -> int:
    """Stop the mesh that runs on the state directory; fine when none does."""
    lock = StateLock(paths.lock)
    holder = lock.holder()
    began = time.monotonic()
    if holder is not None and (supervisor := ProcessId.of(holder)) is not None:
        supervisor.send(signal.SIGTERM)
        while lock.holder() == holder:
            if time.monotonic() - began > STOP_LIMIT:
                supervisor.send(signal.SIGKILL)
                await supervisor.gone(within=5)
                break
            await asyncio.sleep(FOLLOW_INTERVAL)
    await end_leftovers(paths.status)
    took = time.monotonic() - began
    print(
        "No mesh was running."
        if holder is None
        else f"Malha is down after {took:.1f} s; its data stays in {paths.root}.",
        file=sys.stderr,
    )
    return 0


async def clean(paths: StatePaths) -> int:
    """Stop the mesh and remove all of its data."""
    await down(paths)
    try:
        paths.remove()
    except OSError as error:
        raise StackError(f"{error.filename} cannot be removed: {error.strerror}.") from error
    return 0


async def dev(paths: StatePaths) -> int:
    """Run a mesh in the foreground, follow the code, stop on Ctrl-C."""
    screen = Screen(paths)
    began = time.monotonic()
    supervisor = Supervisor(make_mesh(paths), screen.show)

    async def work(mesh: Mesh) -> int:
        screen.welcome(supervisor.status, mesh.demo, time.monotonic() - began)
        screen.say("\nCtrl-C stops all of it.\n")
        return await supervisor.follow_code(mesh)

    with screen.open():
        return await supervisor.run(work)


async def supervise(paths: StatePaths) -> int:
    """The detached half of `up`."""
    supervisor = Supervisor(make_mesh(paths))
    return await supervisor.run(supervisor.stay)


async def status(paths: StatePaths) -> int:
    """Print what runs; the exit code is 0 when all of it is healthy."""
    found = Status.read(paths.status)
    if StateLock(paths.lock).holder() is None or found is None:
        print("No mesh is running.", file=sys.stderr)
        return 1
    from rich.console import Console

    Console().print(render(found))
    return 0 if found.all_ready else 1


async def run(paths: StatePaths, command: list[str]) -> int:
    """Run a command against a mesh: the one that is up, or one made for the occasion."""
    if not command:
        raise StackError("Nothing to run: give a command after `run --`.")
    environment = os.environ | {"MALHA_STATE_DIR": str(paths.root)}

    async def work(_: Mesh | None = None) -> int:
        try:
            process = await asyncio.create_subprocess_exec(*command, env=environment)
        except OSError as error:
            raise StackError(f"{command[0]} cannot be run: {error.strerror}.") from error
        try:
            return await process.wait()
        finally:
            if process.returncode is None:
                process.terminate()

    if StateLock(paths.lock).holder() is not None:
        return await work()
    screen = Screen(paths)
    supervisor = Supervisor(make_mesh(paths), screen.show)
    with screen.open(keep=False):
        return await supervisor.run(work)


async def operate(paths: StatePaths, command: list[str]) -> int:
    """Do an operator's command, `python -m services …`, on the mesh that runs."""
    if StateLock(paths.lock).holder() is None:
        raise StackError("No mesh is running: start one with `make up`.")
    secrets = load_secrets(paths.secrets, guarded=paths.postgres / "data")
    identities = secrets.identities
    environment = inherited() | {
        "MALHA_SERVICE_NAME": "operator",
        "MALHA_SERVICE_KEY": identities["operator"].private,
        "MALHA_SERVICE_PUBLIC_KEYS": json.dumps(
            {name: pair.public for name, pair in identities.items()}
        ),
        "MALHA_PEERS": json.dumps({name: f"unix:{paths.socket(name)}" for name in SERVICES}),
    }
    process = await asyncio.create_subprocess_exec(
        *python_command("-m", "services", *command), env=environment, cwd=PROJECT
    )
    return await process.wait()


def make_mesh(paths: StatePaths) -> Callable[[Callable[[], None]], Mesh]:
    """The mesh of this project on the ports that were asked for."""
    http_port, grpc_port = wanted_ports()

    def make(changed: Callable[[], None]) -> Mesh:
        return Mesh(paths.root, http_port=http_port, grpc_port=grpc_port, changed=changed)

    return make


def wanted_ports() -> tuple[int, int]:
    """The ports for people and programs: the usual ones, or those set."""
    http_port = port_setting("MALHA_HTTP_PORT", HTTP_PORT)
    grpc_port = port_setting("MALHA_GRPC_PORT", GRPC_PORT)
    if http_port == grpc_port:
        raise StackError(
            f"MALHA_HTTP_PORT and MALHA_GRPC_PORT are both {http_port}: expected two ports."
        )
    return http_port, grpc_port


def port_setting(name: str, usual: int) -> int:
    """A port from the environment."""
    text = os.environ.get(name, "")
    if not text:
        return usual
    if text.isdecimal() and 0 < int(text) < 65536:
        return int(text)
    raise StackError(f"{name} is {text!r}: expected a port number, like {usual}.")
