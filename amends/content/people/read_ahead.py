"""Reading of a long audience file in a process of its own, while the caller works with the people read so far."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any, TypeAlias

from amends.content.file.codes import Code
from amends.content.people.audience import AudienceFile, AudienceReport
from amends.domain.base.errors import ContentError, Finding
from amends.domain.people.person import Person
from amends.system.processes import few_cycles, process_kind

LONG = 4_000_000
"""The size in bytes from which a file is read in another process; a shorter one is read before a process has begun."""
BLOCK = 2_000
"""The number of people that are handed over at a time."""

Handover: TypeAlias = list[tuple[Any, ...]] | tuple[AudienceReport, Exception | None]
"""A block of people; at the end the report, with the error that ended the reading or None."""


class AudienceReadAhead(AudienceFile):
    """An audience file that yields the same people, report and errors as AudienceFile, a long one in less time."""

    def rows(self) -> Iterator[Person]:
        """Yield the same people as AudienceFile. Raises ContentError also when the reading process was killed."""
        if not self.path.is_file() or self.path.stat().st_size < LONG:
            yield from super().rows()
            return
        with _reading_process(self) as pipe:
            while isinstance(received := _receive(self, pipe), list):
                yield from map(Person._make, received)
        self.report, error = received
        if error:
            raise error


@contextmanager
def _reading_process(audience: AudienceFile) -> Iterator[Connection]:
    """Start a process that reads the file, yield the pipe from this process, and end the process in every case."""
    receiver, sender = Pipe(duplex=False)
    process = process_kind()(target=_read, args=(audience, sender, receiver), daemon=True)
    process.start()
    sender.close()
    try:
        yield receiver
    finally:
        receiver.close()
        process.terminate()
        process.join()


def _receive(audience: AudienceFile, pipe: Connection) -> Handover:
    """Return the next handover. Raises ContentError when the reading process has ended without a report."""
    try:
        received: Handover = pipe.recv()
    except (EOFError, OSError):  # OSError when it ended in the middle of a message
        what = "the process that read this file was ended from outside, perhaps for want of memory"
        raise ContentError(Finding(str(audience.path), Code.NO_TABLE, what, "try again")) from None
    return received


# In the reading process


def _read(audience: AudienceFile, pipe: Connection, receiver: Connection) -> None:
    receiver.close()  # an open copy in this process would hide that the caller has closed its own
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the caller as well, which then ends this process
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with few_cycles(), suppress(BrokenPipeError):
        try:
            _send_people(AudienceFile.rows(audience), pipe)
        except Exception as error:  # noqa: BLE001  every error is raised again in the caller's process
            pipe.send((audience.report, error))
        else:
            pipe.send((audience.report, None))


def _send_people(people: Iterator[Person], pipe: Connection) -> None:
    block = []
    try:
        for person in people:
            block.append(tuple(person))  # a plain tuple is handed over in a third of the time of a Person
            if len(block) == BLOCK:
                pipe.send(block)
                block = []
    finally:
        pipe.send(block)
