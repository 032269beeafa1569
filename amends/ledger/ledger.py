"""The one Ledger, with all its verbs, and the migrations that keep its tables up to date."""

import threading
from contextlib import suppress
from pathlib import Path

from sqlalchemy import Connection, inspect

from amends.domain.base.errors import LedgerUnavailable
from amends.ledger.alert import NewsTimes, Reminders
from amends.ledger.case.case import Cases
from amends.ledger.case.destroy import Destroying
from amends.ledger.case.visits import Visits
from amends.ledger.commitment import Promises
from amends.ledger.deliver.channels_used import Providers
from amends.ledger.deliver.corrections import Corrections
from amends.ledger.deliver.decisions import Decisions
from amends.ledger.deliver.letters import PaperLetters
from amends.ledger.deliver.previews import Previews
from amends.ledger.deliver.statistics import Standings
from amends.ledger.feedback.questions import Feedback
from amends.ledger.feedback.sms_replies import IncomingTexts
from amends.ledger.incident.clock import Clocks
from amends.ledger.incident.incidents import Incidents
from amends.ledger.law import Filings
from amends.ledger.notice.approvals import Approving
from amends.ledger.notice.restore import Reconciling
from amends.ledger.people.opt_outs import OptOuts
from amends.ledger.playbook.migration import Migrating
from amends.ledger.playbook.occurrences import Steps
from amends.ledger.receipt.polling import Asking
from amends.ledger.receipt.receipts import Reports
from amends.ledger.store.database import SCHEMA_LOCK, alone, revision_of
from amends.ledger.store.leases import any_at_work
from amends.ledger.store.session import refuse_newer
from amends.ledger.store.tables import SCHEMA
from amends.ledger.team import Team

MIGRATIONS = Path(__file__).parent / "migrations"
ALEMBIC_ALONE = threading.Lock()
AT_WORK = (
    "an older Amends is sending from this ledger, and its tables do not change under it: wait until it is through, or "
    "end it on every machine, `amends up` as well as `amends deliver`; one that was killed counts for 90 seconds"
)


class Ledger(
    Corrections, Incidents, Steps, Migrating, Team, Previews, PaperLetters, Decisions, Reports, OptOuts, Standings,
    Reconciling, NewsTimes, Approving, Reminders, Clocks, Promises, Filings, Feedback, IncomingTexts, Visits, Providers,
    Asking, Destroying, Cases,
):  # fmt: skip
    """Everything the ledger can be asked and told. Safe to use from several threads and processes."""

    def migrate(self) -> "Ledger":
        """Bring the tables up to date and check the master key; returns itself. Raises KeyMissing, LedgerUnavailable.

        Several processes may do so at once; a ledger that is up to date is only read. While somebody sends by the
        tables as they are, they stay so. Of a ledger on a server the end of its chain is noted here: others write to
        it too, and so this machine misses that in an older copy.
        """
        with self._told_apart("opened"):
            with self.engine.connect() as connection:
                revision = _revision(connection)
            self._refuse_wrong(revision)
            if revision != SCHEMA:
                self._upgrade()
        self.check_key()
        if self._path is None:
            with suppress(LedgerUnavailable):  # where nothing can be noted nothing is sent either
                self.note_newest()
        return self

    def _refuse_wrong(self, revision: str | None) -> None:
        """An empty database where a ledger was, and tables that are not known here."""
        if revision is None and self._anchor and self._anchor.exists():
            raise LedgerUnavailable(
                f"the ledger's database is empty, yet {self._anchor} notes what stood in it: restore it from a backup"
            )
        refuse_newer(revision or "")

    def _upgrade(self) -> None:
        # Needed once in months, and a quarter of a second to import.
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        # Alembic keeps what it works on in a global variable.
        with ALEMBIC_ALONE, self.engine.execution_options(writes=True).connect() as connection:
            alone(connection, SCHEMA_LOCK)
            if _revision(connection) != SCHEMA and any_at_work(connection):
                raise LedgerUnavailable(AT_WORK)
            config.attributes["connection"] = connection
            command.upgrade(config, SCHEMA)


def _revision(connection: Connection) -> str | None:
    return revision_of(connection) if inspect(connection).has_table("amends_schema") else None
