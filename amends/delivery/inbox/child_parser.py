"""Reading of mails in a child process with limits on memory and time, so that no mail can stop the others."""

import os
import pickle
import resource
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from multiprocessing import Pipe, get_context
from multiprocessing.connection import Connection
from typing import NoReturn

from amends.delivery.inbox.places import FoundMail
from amends.delivery.rendering import GRACE_SECONDS, MEMORY, MOST_MEMORY, limit, use_nothing_of_the_parent
from amends.domain.receipt.incoming import IncomingMail, Unreadable, read_incoming
from amends.system.processes import signals_deferred

MOST_SECONDS = 4
"""Seconds of CPU for one mail, after which it counts as unreadable."""
SILENCE_SECONDS = 60
"""Seconds of the clock in which the child says nothing, before it is killed."""
TOO_COSTLY = Unreadable("it takes too much time or memory to read")
MALFORMED = Unreadable("it is malformed")
Read = IncomingMail | Unreadable


class TooSlow(Exception):
    """A mail takes too much time to read."""


def read_in_child(mails: Sequence[FoundMail]) -> list[Read]:
    """Return what stands in each mail, read in a child process; a mail that ends the child is unreadable.

    The child is a fork, which has the mails already. On other systems than Linux the mails are read in this process,
    as `rendering` explains.
    """
    if sys.platform != "linux":
        return [_read(mail) for mail in mails]
    read: list[Read] = []
    while len(read) < len(mails):
        read += _by_a_child(mails[len(read) :])
        if len(read) < len(mails):  # the child has died of the next one
            read.append(TOO_COSTLY)
    return read


def _by_a_child(mails: Sequence[FoundMail]) -> list[Read]:
    """Return what a child has read until it ended."""
    ours, theirs = Pipe(duplex=False)
    child = get_context("fork").Process(target=_work, args=(mails, theirs), daemon=True)
    with signals_deferred():  # to the child for ever: only this process ends the child
        child.start()
    theirs.close()
    try:
        return list(_answers(ours, len(mails)))
    finally:
        child.kill()
        child.join()
        ours.close()


def _answers(pipe: Connection, wanted: int) -> Iterator[Read]:
    with suppress(EOFError, ConnectionError):
        for _ in range(wanted):
            if not pipe.poll(SILENCE_SECONDS):
                return
            answer: Read = pickle.loads(pipe.recv_bytes())  # noqa: S301 - written by our own child
            yield answer


# In the child.


def _work(mails: Sequence[FoundMail], pipe: Connection) -> NoReturn:
    try:
        use_nothing_of_the_parent(pipe)
        limit(resource.RLIMIT_CORE, 0)
        limit(resource.RLIMIT_AS, int(MEMORY.read_text().split()[0]) * resource.getpagesize() + MOST_MEMORY)
        signal.signal(signal.SIGPROF, _too_slow)
        for mail in mails:
            limit(resource.RLIMIT_CPU, int(time.process_time() + MOST_SECONDS + GRACE_SECONDS) + 1)
            pipe.send_bytes(pickle.dumps(_read_in_time(mail)))
    finally:
        os._exit(0)  # no traceback, which would show what stands in a mail


def _read_in_time(mail: FoundMail) -> Read:
    signal.setitimer(signal.ITIMER_PROF, MOST_SECONDS)
    try:
        return _read(mail)
    except TooSlow:
        return TOO_COSTLY
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _read(mail: FoundMail) -> Read:
    try:
        return read_incoming(mail.raw, mail.delivered_to)
    except TooSlow:
        raise
    except MemoryError:
        return TOO_COSTLY
    except Exception:  # noqa: BLE001 - whatever a stranger's bytes do to the parser, the next mail is read
        return MALFORMED


def _too_slow(_number: int, _frame: object) -> NoReturn:
    raise TooSlow
