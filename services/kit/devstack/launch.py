"""Starts one program so that it cannot outlive whoever started it.

Run as a file by `process.py`, never imported: `python -I -S launch.py <json> <program> ...`.
It binds the program to its parent, gives up root where asked, and becomes the program (same pid).
A small process of its own instead of a `preexec_fn`, because running Python between fork and exec
can deadlock in a process that has threads.
"""

import ctypes
import json
import os
import sys

PR_SET_PDEATHSIG = 1
PR_SET_SECUREBITS = 28
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
SECBIT_NO_SETUID_FIXUP = 1 << 2
CAPABILITY_VERSION_3 = 0x20080522

libc = ctypes.CDLL(None, use_errno=True)


class CapabilityHeader(ctypes.Structure):
    """The header of capset(2)."""

    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class CapabilityWord(ctypes.Structure):
    """One half of the three 64-bit capability sets of capset(2)."""

    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def check(result: int) -> None:
    """Raise what the C library reported."""
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def become(uid: int, gid: int, capability: int | None) -> None:
    """Give up root, keeping at most one capability."""
    if capability is not None:
        # Without it access(2) answers as if there were no capability, and PostgreSQL asks
        # access(2) about its own program.
        check(libc.prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0))
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    if capability is not None:
        words = (CapabilityWord * 2)()
        mask = 1 << capability
        words[0] = CapabilityWord(mask, mask, mask)
        check(libc.capset(ctypes.byref(CapabilityHeader(CAPABILITY_VERSION_3, 0)), words))
        check(libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0))


def main() -> None:
    """Bind to the parent, change the user, become the program."""
    options = json.loads(sys.argv[1])
    if options["uid"] is not None:
        become(options["uid"], options["gid"], options["capability"])
    # After the change of user, which would clear it again.
    check(libc.prctl(PR_SET_PDEATHSIG, options["death_signal"], 0, 0, 0))
    if os.getppid() != options["parent"]:
        sys.exit("The supervisor was gone before the process began.")
    os.execv(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
