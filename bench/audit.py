"""The rate at which `amends audit verify` reads the audit chain, in entries a second.

    python bench/audit.py --entries 300000

The ledger is SQLite, in a temporary folder. One entry in four names rows that its transaction changed, as entries of
questions, answers and letters do. Storing the entries takes longer than all the rest.
"""

import argparse
import json
import os
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from amends.ledger import Keys, Ledger
from amends.ledger.tables.audit import AuditRow
from bench.peers.page import machine

BEGAN = datetime(2026, 11, 24, 8, tzinfo=UTC)
PAGE = 5_000
ROWS = '{{"rows":[["question","{incident}","{number}","{seal}"]]}}'


def main() -> None:
    """Store the entries, check the chain three times, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=300_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(f"sqlite:///{folder}/ledger.sqlite3", Keys(os.urandom(32)), Path(folder) / "audit-head")
        fill(ledger.migrate(), options.entries)
        rates = [rate(ledger, options.entries) for _ in range(3)]
        ledger.dispose()
    print(json.dumps({"machine": machine(), "entries": options.entries, "per_second": rates}, indent=2))


def fill(ledger: Ledger, entries: int) -> None:
    """Store so many entries, as `Chain.add` makes them, in large transactions."""
    chain, previous = ledger.store.chain, bytes.fromhex("")
    with ledger.store.write() as write:
        write.note(BEGAN, "", "member added", "lena", actor="lena")
    with ledger.store.read() as session:
        newest = chain.newest(session)
    assert newest
    previous = bytes.fromhex(newest.mac)
    for start in range(newest.seq + 1, entries + 1, PAGE):
        rows = []
        for seq in range(start, min(start + PAGE, entries + 1)):
            rows.append(entry(seq))
            rows[-1].mac = previous = chain.mac(previous, rows[-1])
        with ledger.store.engine.execution_options(writes=True).begin() as connection:
            connection.execute(AuditRow.__table__.insert(), [row.model_dump() for row in rows])
    ledger.store.note_newest()


def entry(seq: int) -> AuditRow:
    """Return an entry that was not sealed yet."""
    detail = json.dumps({"by_person": seq, "kind": "question", "source": "portal"})
    rows = ROWS.format(incident="leak", number=seq, seal=f"{seq:032x}") if seq % 4 == 0 else ""
    at = BEGAN + timedelta(seconds=seq)
    return AuditRow(
        seq=seq,
        at=at,
        incident="leak",
        actor="amends",
        act="asked",
        subject=f"question {seq}",
        detail=detail,
        rows=rows,
        mac=b"",
    )


def rate(ledger: Ledger, entries: int) -> dict[str, int]:
    """Return the entries checked in a second of the clock, and in a second of the processor."""
    began, used = time.perf_counter(), time.process_time()
    problems = ledger.audit.verify()
    wall, processor = time.perf_counter() - began, time.process_time() - used
    assert problems == (), problems
    return {"wall": round(entries / wall), "processor": round(entries / processor)}


if __name__ == "__main__":
    main()
