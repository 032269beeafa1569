"""A permanent block of network and programs: code in this process can reach no network and start no program."""

import socket
import sys
from typing import Any

REACHING_OUT = frozenset(
    """
    socket.connect socket.bind socket.sendto socket.sendmsg socket.getaddrinfo socket.gethostbyname
    socket.gethostbyaddr socket.getnameinfo
    """.split()
)
"""Audit events before Python talks to another machine, or to this machine over the network."""
STARTING = frozenset(
    """
    subprocess.Popen os.system os.exec os.forkpty os.posix_spawn os.spawn os.startfile pty.spawn
    """.split()
)
"""Audit events before Python starts another program, to which the block would not apply. A fork inherits the block."""
OURSELVES = (getattr(socket, "AF_UNIX", None), -1)
"""Socket families that reach no network by themselves; -1 is the family of an existing socket."""


class CutOff(RuntimeError):
    """An attempt of a rehearsal to reach a network or to start a program; a programmer must remove the call."""


def cut_off() -> None:
    """Block network and programs for this process until it ends; nothing can remove an audit hook (PEP 578)."""
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event in STARTING:
        raise CutOff(f"a rehearsal starts no program: {event}")
    if event in REACHING_OUT or (event == "socket.__new__" and _is_internet(arguments)):
        raise CutOff(f"a rehearsal reaches no network: {event}")


def _is_internet(arguments: tuple[Any, ...]) -> bool:
    """Return True for a socket of any family but the machine's own, which event loops use to wake themselves."""
    return arguments[1] not in OURSELVES
