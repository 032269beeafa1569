"""Cuts this process off from the world, for good: whatever runs in it can reach no network and start no program."""

import socket
import sys
from typing import Any

REACHING_OUT = frozenset(
    """
    socket.connect socket.bind socket.sendto socket.sendmsg socket.getaddrinfo socket.gethostbyname
    socket.gethostbyaddr socket.getnameinfo
    """.split()
)
"""What Python says before it talks to another machine, or to this one over the network."""
STARTING = frozenset(
    """
    subprocess.Popen os.system os.exec os.fork os.forkpty os.posix_spawn os.spawn os.startfile pty.spawn
    """.split()
)
"""What it says before another program starts, which would not be cut off."""
OURSELVES = (getattr(socket, "AF_UNIX", None), -1)
"""Families of sockets that lead nowhere by themselves; -1 is a socket that is there already."""


class CutOff(RuntimeError):
    """A rehearsal tried to reach something real. It never may; whoever wrote what did this must take it out."""


def cut_off() -> None:
    """From now on, until it ends, this process reaches nothing real. Nothing can take this back (see PEP 578)."""
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event in STARTING:
        raise CutOff(f"a rehearsal starts no program: {event}")
    if event in REACHING_OUT or (event == "socket.__new__" and _is_internet(arguments)):
        raise CutOff(f"a rehearsal reaches no network: {event}")


def _is_internet(arguments: tuple[Any, ...]) -> bool:
    """A socket of any family but the machine's own, by which event loops wake themselves."""
    return arguments[1] not in OURSELVES
