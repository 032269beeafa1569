"""The one Ledger, with all its verbs, and the migrations that keep its tables up to date."""

from pathlib import Path

from alembic import command
from alembic.config import Config

from amends.ledger.cases import Cases
from amends.ledger.feedback import Feedback
from amends.ledger.incidents import Incidents
from amends.ledger.notices import Notices
from amends.ledger.previews import Previews
from amends.ledger.promises import Promises
from amends.ledger.steps import Steps
from amends.ledger.team import Team

MIGRATIONS = Path(__file__).parent / "migrations"


class Ledger(Incidents, Steps, Team, Notices, Previews, Promises, Feedback, Cases):
    """Everything the ledger can be asked and told. Safe to use from several threads and processes."""

    def migrate(self) -> "Ledger":
        """Bring the tables up to date and check the master key; returns itself. Raises KeyMissing."""
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        with self.engine.connect() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
        self.check_key()
        return self
