"""A whole send from an empty folder on, by two workers at once, in processes that can be traced from outside.

Run as `python -m tests.chaos.powered ERRAND PEOPLE SYNCHRONOUS`: a pickled messages, and SQLite's setting of that name for
those who send.
"""

import pickle
import sys
from collections.abc import Iterable
from multiprocessing import get_context
from pathlib import Path

from amends.domain.channel.channel import ChannelKind
from amends.domain.people.person import Person
from amends.ledger.store import database
from tests.chaos.killing import somebody
from tests.chaos.sender import Errand, run
from tests.delivery.sending import a_ledger, approved

WORKERS = 2
OFTEN = "wal_autocheckpoint=50"
"""The log is used again and again, as in a send of a hundred thousand."""
AT_FORK = get_context("fork")


def a_whole_send(messages: Errand, people: Iterable[Person], synchronous: str) -> None:
    """From the first byte of a ledger to the last message."""
    ledger = a_ledger(messages.ledger_url, messages.folder).migrate()
    approved(ledger, people, channels=(ChannelKind.WEBSITE, ChannelKind.EMAIL, ChannelKind.SOCIAL))
    ledger.dispose()
    database.PRAGMAS = (*database.PRAGMAS, OFTEN, f"synchronous={synchronous}")
    workers = [AT_FORK.Process(target=run, args=[messages]) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


if __name__ == "__main__":
    _, file, count, synchronous = sys.argv
    everybody = map(somebody, range(1, int(count) + 1))
    a_whole_send(pickle.loads(Path(file).read_bytes()), everybody, synchronous)
