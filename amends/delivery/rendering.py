"""Rendering of templates in a child process with limits on memory and time, so that no template can stop a runner."""

import gc
import os
import pickle
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing import Pipe, get_context
from multiprocessing.connection import Connection
from pathlib import Path
from traceback import format_exc
from typing import Any, NoReturn, TypeVar

from amends.domain.base.errors import AmendsError, ContentError, Finding
from amends.domain.notice.bounds import LESS, TooMuch
from amends.domain.notice.sandbox import WATCH
from amends.system.processes import signals_deferred

Made = TypeVar("Made")
MOST_MEMORY = 256 * 1024 * 1024
"""Bytes that the child may take beside those of this process, which are 100 to 250 MB: about 512 MB in all at most."""
MOST_SECONDS = 2
"""Seconds of CPU for one text, after which the template is stopped and named with its line."""
GRACE_SECONDS = 2
"""Seconds of CPU after which the kernel ends the child, because nothing else can interrupt what it does."""
SILENCE_SECONDS = 60
"""Seconds of CPU between two texts, and of the clock in which the child says nothing, before it is killed."""
FIRST_FREE = 3
"""The first file descriptor behind standard input, output and error."""
MEMORY = Path("/proc/self/statm")


@dataclass(frozen=True)
class _Answer:
    """The answer of the child: what the work made."""

    made: Any


def rendered(work: Callable[[], Made]) -> Made:
    """Return what the work returns, done in a child process with limits on memory and time.

    Raises the error of the work, and ContentError that names the template when a limit ended the child. The child is a
    fork, so the work must use no connection and no thread of this process; what the work returns is pickled. On other
    systems than Linux the work is done in this process: macOS has no limit of memory that works, and no fork beside
    threads.
    """
    if sys.platform != "linux":
        return work()
    ours, theirs = Pipe(duplex=False)
    child = get_context("fork").Process(target=_work, args=(work, theirs), daemon=True)
    with signals_deferred():  # to the child for ever: only this process ends the child
        child.start()
    theirs.close()
    try:
        made: Made = _answer(ours)
        return made
    finally:
        child.kill()
        child.join()
        ours.close()


def _answer(pipe: Connection) -> Any:
    """Return what the child made. Raises its error, and ContentError when it ended or hung without an answer."""
    path = ""
    with suppress(EOFError):
        while pipe.poll(SILENCE_SECONDS):
            said: str | Exception | _Answer = pipe.recv()
            if isinstance(said, _Answer):
                return said.made
            if isinstance(said, Exception):
                raise said
            path = said
    what = f"it was ended: it takes more than {MOST_SECONDS} s or {MOST_MEMORY // 1024**2} MB"
    raise ContentError(Finding(f"notices/{path}:1:1" if path else "notices", "E129", what, LESS))


# In the child.


def _work(work: Callable[[], Any], pipe: Connection) -> NoReturn:
    try:
        use_nothing_of_the_parent(pipe)
        limit(resource.RLIMIT_CORE, 0)
        limit(resource.RLIMIT_AS, int(MEMORY.read_text().split()[0]) * resource.getpagesize() + MOST_MEMORY)
        signal.signal(signal.SIGPROF, _too_slow)
        WATCH.set(partial(_alarm, pipe))
        pipe.send_bytes(_outcome(work))
    finally:
        os._exit(0)  # no traceback, and nothing of the parent's is written or closed again


def use_nothing_of_the_parent(pipe: Connection) -> None:
    """Close the files and connections that the fork inherited, and collect no object that would use them."""
    gc.freeze()
    gc.disable()
    os.closerange(FIRST_FREE, pipe.fileno())
    os.closerange(pipe.fileno() + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def _outcome(work: Callable[[], Any]) -> bytes:
    """Return what the work made, or its error, in the form in which pipes carry values."""
    try:
        return pickle.dumps(_Answer(work()))
    except AmendsError as error:
        return pickle.dumps(error)
    except MemoryError:
        raise  # ends the child, so that the parent names the template
    except Exception as error:  # noqa: BLE001 - an error of ours: the parent shows where it was raised
        error.add_note(format_exc())
        return pickle.dumps(error)


@contextmanager
def _alarm(pipe: Connection, path: str) -> Iterator[None]:
    """Tell the parent which template is rendered now, and stop it when it takes too long."""
    pipe.send(path)
    limit(resource.RLIMIT_CPU, int(time.process_time() + MOST_SECONDS + GRACE_SECONDS))
    signal.setitimer(signal.ITIMER_PROF, MOST_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        limit(resource.RLIMIT_CPU, int(time.process_time() + SILENCE_SECONDS))


def _too_slow(_number: int, _frame: object) -> NoReturn:
    raise TooMuch(f"it takes more than {MOST_SECONDS} s")


def limit(kind: int, most: int) -> None:
    """Set the limit for this process, unless a lower one holds already and cannot be raised."""
    _, highest = resource.getrlimit(kind)
    resource.setrlimit(kind, (most if highest == resource.RLIM_INFINITY else min(most, highest), highest))
