"""The ledger: one class for each subject over one store, and the migrations that keep the tables up to date."""

import threading
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Self

from sqlalchemy import Connection, inspect

from amends.domain.base.errors import LedgerUnavailable
from amends.ledger.alert import Alerts
from amends.ledger.audit.audit import Audit
from amends.ledger.audit.looks import Looks
from amends.ledger.audit.refused import RefusedAttempts
from amends.ledger.audit.replay import Replay
from amends.ledger.case.access_requests import AccessRequests
from amends.ledger.case.case import Cases
from amends.ledger.case.dossier import Dossiers
from amends.ledger.case.over_time import CountsOverTime
from amends.ledger.case.person_messages import SentMessages
from amends.ledger.case.person_reports import PersonReports
from amends.ledger.case.told import ToldRecord
from amends.ledger.case.visits import Visits
from amends.ledger.claim.claims import CompensationClaims
from amends.ledger.claim.evidence import ClaimEvidence
from amends.ledger.claim.lapses import ClaimLapses
from amends.ledger.claim.payments import ClaimPayments
from amends.ledger.codes.codes import CodeStocks
from amends.ledger.commitment.commitments import Commitments
from amends.ledger.commitment.files import CommitmentFiles
from amends.ledger.commitment.work import CommitmentWork
from amends.ledger.deliver.channels_used import ChannelsUsed
from amends.ledger.deliver.claims import Claims
from amends.ledger.deliver.corrections import Corrections
from amends.ledger.deliver.decisions import Decisions
from amends.ledger.deliver.deliveries import Deliveries
from amends.ledger.deliver.late_news import LateNews
from amends.ledger.deliver.letters import PaperLetters
from amends.ledger.deliver.previews import Previews
from amends.ledger.deliver.statistics import Statistics
from amends.ledger.feedback.answers import GivenAnswers
from amends.ledger.feedback.hours import QuestionHours
from amends.ledger.feedback.mentions import Mentions
from amends.ledger.feedback.questions import Questions
from amends.ledger.feedback.queue.faq import FaqEntries
from amends.ledger.feedback.queue.groups import QuestionGroups
from amends.ledger.feedback.queue.queue import QuestionQueue
from amends.ledger.feedback.replies import Replies
from amends.ledger.feedback.sms_replies import SmsReplies
from amends.ledger.feedback.survey.surveys import Surveys
from amends.ledger.forget.brought_back import RestoredData
from amends.ledger.forget.destruction import Destruction
from amends.ledger.forget.erasure import Erasure
from amends.ledger.forget.retention import Retentions
from amends.ledger.forget.rotation import Rotation
from amends.ledger.incident.clock import MachineClocks
from amends.ledger.incident.closing import Closing
from amends.ledger.incident.incidents import Incidents
from amends.ledger.incident.legal_holds import LegalHolds
from amends.ledger.incident.stops import RecordedStops
from amends.ledger.incident.tombstones import Tombstones
from amends.ledger.law import Filings
from amends.ledger.notice.approvals import Approvals
from amends.ledger.notice.notices import Notices
from amends.ledger.notice.restore import Restore
from amends.ledger.notice.survey_samples import SurveySamples
from amends.ledger.people.callers import Callers
from amends.ledger.people.locale_rulings import LocaleRulings
from amends.ledger.people.opt_outs import OptOuts
from amends.ledger.people.page_choices import PageChoices
from amends.ledger.people.people import People
from amends.ledger.people.shared_mailboxes import SharedMailboxes
from amends.ledger.playbook.assessments import Assessments
from amends.ledger.playbook.occurrences import Occurrences
from amends.ledger.playbook.playbooks import Playbooks
from amends.ledger.receipt.inbox import IncomingMails
from amends.ledger.receipt.polling import Polling
from amends.ledger.receipt.receipts import Receipts
from amends.ledger.receipt.replied import Replied
from amends.ledger.remedy.remedies import Remedies
from amends.ledger.review import Reviews
from amends.ledger.store.database import SCHEMA_LOCK, alone, revision_of
from amends.ledger.store.encryption import Keys
from amends.ledger.store.leases import any_at_work
from amends.ledger.store.session import Store, refuse_newer
from amends.ledger.store.tables import SCHEMA
from amends.ledger.team import Team

MIGRATIONS = Path(__file__).parent / "migrations"
ALEMBIC_ALONE = threading.Lock()
AT_WORK = (
    "an older Amends is sending from this ledger, and its tables do not change under it: wait until it is through, or "
    "end it on every machine, `amends up` as well as `amends deliver`; one that was killed counts for 90 seconds"
)


class Ledger:
    """A ledger, with its operations by subject: `incidents.open` …; safe for use by several threads and processes."""

    def __init__(self, url: str, keys: Keys, anchor: Path | None = None, *, durable: bool = True) -> None:
        """Open the ledger at this database URL. Without `durable`, a crash of the machine may lose commits."""
        self._opened_with, self._durable = (url, keys, anchor), durable
        self.store = store = Store(url, keys, anchor, durable=durable)
        replay = Replay(store)
        self.audit, self.team, self.clocks, self.channels = (
            Audit(store, replay),
            Team(store),
            MachineClocks(store),
            ChannelsUsed(store),
        )
        self.looks = Looks(store)
        self.refused = RefusedAttempts(store)
        self.incidents, self.people, self.opt_outs = Incidents(store), People(store), OptOuts(store)
        self.mailboxes, self.locale_rulings = SharedMailboxes(store), LocaleRulings(store)
        self.stops, self.closing, self.reviews = RecordedStops(store), Closing(store), Reviews(store)
        self.playbooks, self.occurrences, self.assessments = Playbooks(store), Occurrences(store), Assessments(store)
        self.codes = CodeStocks(store)
        self.commitments, self.filings, self.alerts = Commitments(store), Filings(store), Alerts(store)
        self.remedies, self.late_news = Remedies(store), LateNews(store)
        self.commitment_work, self.commitment_files = CommitmentWork(store), CommitmentFiles(store)
        self.questions, self.sms_replies = Questions(store), SmsReplies(store)
        self.queue, self.groups, self.faq = QuestionQueue(store), QuestionGroups(store), FaqEntries(store)
        self.answers, self.replies = GivenAnswers(store), Replies(store)
        self.surveys, self.samples = Surveys(store), SurveySamples(store)
        self.callers, self.mentions = Callers(store), Mentions(store, self.questions, self.answers)
        self.hours = QuestionHours(store)
        self.claims, self.lapses = CompensationClaims(store), ClaimLapses(store)
        self.payments, self.evidence = ClaimPayments(store), ClaimEvidence(store)
        self.notices = notices = Notices(store, replay)
        self.approvals, self.restore = Approvals(store, notices), Restore(store)
        claims = Claims(store, notices)
        self.deliveries = deliveries = Deliveries(store, claims, notices, replay)
        self.corrections, self.decisions = (
            Corrections(store, deliveries, notices),
            Decisions(store, deliveries, notices),
        )
        self.letters, self.previews = PaperLetters(store, claims, deliveries, notices), Previews(store, claims, notices)
        self.statistics, self.receipts, self.polling = (
            Statistics(store),
            Receipts(store, notices, self.replies),
            Polling(store),
        )
        self.replied, self.inbox = Replied(store, self.receipts, self.replies), IncomingMails(store)
        self.cases = Cases(store, notices)
        self.told = ToldRecord(store, notices, self.cases)
        self.dossiers = Dossiers(
            store, notices, claims, self.cases, self.told, self.questions, self.answers, self.remedies
        )
        tombstones = Tombstones(anchor)
        self.holds = holds = LegalHolds(store, tombstones)
        self.destruction = Destruction(store, self.cases, self.surveys, holds)
        self.visits = Visits(store, notices)
        self.erasure = Erasure(store, deliveries, holds, tombstones)
        self.retention = Retentions(store, self.destruction, self.surveys, holds, tombstones)
        self.keys = Rotation(store)
        self.brought_back = RestoredData(store, self.erasure, self.retention, holds, tombstones)
        self.reports, self.requests = PersonReports(store, notices), AccessRequests(store)
        self.over_time = CountsOverTime(store)
        self.choices, self.sent = PageChoices(store), SentMessages(store, notices, claims)

    def __reduce__(self) -> tuple[object, ...]:
        return partial(type(self), durable=self._durable), self._opened_with

    def migrate(self) -> Self:
        """Bring the tables up to date and check the master key; return the ledger.

        Several processes may do so at once; a ledger that is up to date is only read. The tables do not change while a
        process sends by the old ones. For a ledger on a server, to which other machines write too, the head of the
        audit chain is written to the anchor, so that this machine can tell an older copy. Raises KeyMissing,
        LedgerUnavailable, LedgerNewer.
        """
        with self.store.errors_in_words("opened"):
            with self.store.engine.connect() as connection:
                revision = _revision(connection)
            self._refuse_wrong(revision)
            if revision != SCHEMA:
                self._upgrade()
        self.store.check_key()
        if self.store.path is None:
            with suppress(LedgerUnavailable):  # where the anchor cannot be written, no message is sent either
                self.store.note_newest()
        return self

    def _refuse_wrong(self, revision: str | None) -> None:
        """Raise LedgerUnavailable for an empty database beside an anchor, LedgerNewer for newer tables."""
        anchor = self.store.anchor
        if revision is None and anchor and anchor.exists():
            raise LedgerUnavailable(
                f"the ledger's database is empty, yet {anchor} notes what stood in it: restore it from a backup"
            )
        refuse_newer(revision or "")

    def _upgrade(self) -> None:
        # Imported here, because Alembic takes a quarter of a second to import and is needed once in months.
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        # Alembic holds its context in a global variable, so only one thread may run a migration.
        with ALEMBIC_ALONE, self.store.engine.execution_options(writes=True).connect() as connection:
            alone(connection, SCHEMA_LOCK)
            if _revision(connection) != SCHEMA and any_at_work(connection):
                raise LedgerUnavailable(AT_WORK)
            config.attributes["connection"] = connection
            command.upgrade(config, SCHEMA)

    def dispose(self) -> None:
        """Close all connections to the database."""
        self.store.dispose()


def _revision(connection: Connection) -> str | None:
    return revision_of(connection) if inspect(connection).has_table("amends_schema") else None
