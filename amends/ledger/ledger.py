"""The one Ledger, with all its verbs, and the migrations that keep its tables up to date."""

import threading
from contextlib import suppress
from pathlib import Path

from sqlalchemy import inspect, text

from amends.domain.errors import LedgerUnavailable
from amends.ledger.approving import Approving
from amends.ledger.cases import Cases
from amends.ledger.clocks import Clocks
from amends.ledger.corrections import Corrections
from amends.ledger.database import SCHEMA_LOCK, alone
from amends.ledger.decisions import Decisions
from amends.ledger.feedback import Feedback
from amends.ledger.filings import Filings
from amends.ledger.incidents import Incidents
from amends.ledger.incoming import IncomingTexts
from amends.ledger.letters import PaperLetters
from amends.ledger.migrating import Migrating
from amends.ledger.news import NewsTimes
from amends.ledger.optouts import OptOuts
from amends.ledger.previews import Previews
from amends.ledger.promises import Promises
from amends.ledger.providers import Providers
from amends.ledger.reconciling import Reconciling
from amends.ledger.reminders import Reminders
from amends.ledger.reports import Reports
from amends.ledger.standing import Standings
from amends.ledger.steps import Steps
from amends.ledger.team import Team
from amends.ledger.visits import Visits

MIGRATIONS = Path(__file__).parent / "migrations"
ALEMBIC_ALONE = threading.Lock()


class Ledger(
    Corrections, Incidents, Steps, Migrating, Team, Previews, PaperLetters, Decisions, Reports, OptOuts, Standings,
    Reconciling, NewsTimes, Approving, Reminders, Clocks, Promises, Filings, Feedback, IncomingTexts, Visits, Providers,
    Cases,
):  # fmt: skip
    """Everything the ledger can be asked and told. Safe to use from several threads and processes."""

    def migrate(self) -> "Ledger":
        """Bring the tables up to date and check the master key; returns itself. Raises KeyMissing, LedgerUnavailable.

        Several processes may do so at once; a ledger that is up to date is only read. Of a ledger on a server the
        end of its chain is noted here: others write to it too, and so this machine misses that in an older copy.
        """
        with self._told_apart("opened"):
            revision = self._revision()
            self._refuse_wrong(revision)
            if revision != _newest():
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
        if revision and revision not in _known():
            raise LedgerUnavailable(
                f"the ledger was written by a newer Amends: its tables are {revision}, and this one knows those up to "
                f"{_newest()}; install the newer one again"
            )

    def _upgrade(self) -> None:
        # Needed once in months, and a quarter of a second to import.
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        # Alembic keeps what it works on in a global variable.
        with ALEMBIC_ALONE, self.engine.execution_options(writes=True).connect() as connection:
            alone(connection, SCHEMA_LOCK)
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def _revision(self) -> str | None:
        with self.engine.connect() as connection:
            known = inspect(connection).has_table("amends_schema")
            revision = connection.scalar(text("SELECT version_num FROM amends_schema")) if known else None
            return str(revision) if revision else None


def _newest() -> str:
    """The last of the migrations, which are named in their order."""
    return max(_known())


def _known() -> set[str]:
    return {path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py")}
