"""The ledger: one class for each subject over one store."""

import threading
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from sqlalchemy import Connection, inspect

from amends.domain.base.errors import LedgerUnavailable
from amends.ledger.store.database import SCHEMA_LOCK, lock_exclusive, revision_of
from amends.ledger.store.disk_reserve import SIZE
from amends.ledger.store.encryption import Keys
from amends.ledger.store.session import Store, refuse_other_tables
from amends.system.places import named

if TYPE_CHECKING:
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
    from amends.ledger.case.views import Views
    from amends.ledger.case.visits import Visits
    from amends.ledger.claim.claims import CompensationClaims
    from amends.ledger.claim.evidence import ClaimEvidence
    from amends.ledger.claim.payments import ClaimPayments
    from amends.ledger.commitment.commitments import Commitments
    from amends.ledger.commitment.files import CommitmentFiles
    from amends.ledger.commitment.work import CommitmentWork
    from amends.ledger.deliver.channels_used import ChannelsUsed
    from amends.ledger.deliver.claims import Claims
    from amends.ledger.deliver.corrections import Corrections
    from amends.ledger.deliver.decisions import Decisions
    from amends.ledger.deliver.deliveries import Deliveries
    from amends.ledger.deliver.latecomer_news import LatecomerNews
    from amends.ledger.deliver.letters import PaperLetters
    from amends.ledger.deliver.previews import Previews
    from amends.ledger.deliver.statistics import Statistics
    from amends.ledger.entitlement.remedies import Remedies
    from amends.ledger.entitlement.stocks import CodeStocks
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
    from amends.ledger.forget.destruction import Destruction
    from amends.ledger.forget.erasure import Erasure
    from amends.ledger.forget.forgettings import Forgettings
    from amends.ledger.forget.restored_data import RestoredData
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
    from amends.ledger.outbox.outbox import OutgoingMessages
    from amends.ledger.outbox.reports import OutgoingReports
    from amends.ledger.outbox.statistics import OutgoingStatistics
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
    from amends.ledger.receipt.mail_files import MailFiles
    from amends.ledger.receipt.polling import Polling
    from amends.ledger.receipt.receipts import Receipts
    from amends.ledger.receipt.replied import Replied
    from amends.ledger.review import Reviews
    from amends.ledger.team import Team


class Room(NamedTuple):
    """The class of a room (`module:name` below amends.ledger), and the rooms that its constructor is given."""

    place: str
    needs: str = "store"


ROOMS = {
    "replay": Room("audit.replay:Replay"),
    "audit": Room("audit.audit:Audit", "store replay"),
    "team": Room("team:Team"),
    "clocks": Room("incident.clock:MachineClocks"),
    "channels": Room("deliver.channels_used:ChannelsUsed"),
    "looks": Room("audit.looks:Looks"),
    "refused": Room("audit.refused:RefusedAttempts"),
    "incidents": Room("incident.incidents:Incidents"),
    "people": Room("people.people:People"),
    "opt_outs": Room("people.opt_outs:OptOuts"),
    "mailboxes": Room("people.shared_mailboxes:SharedMailboxes"),
    "locale_rulings": Room("people.locale_rulings:LocaleRulings"),
    "stops": Room("incident.stops:RecordedStops"),
    "closing": Room("incident.closing:Closing"),
    "reviews": Room("review:Reviews"),
    "playbooks": Room("playbook.playbooks:Playbooks"),
    "occurrences": Room("playbook.occurrences:Occurrences"),
    "assessments": Room("playbook.assessments:Assessments"),
    "codes": Room("entitlement.stocks:CodeStocks"),
    "commitments": Room("commitment.commitments:Commitments"),
    "filings": Room("law:Filings"),
    "alerts": Room("alert:Alerts"),
    "remedies": Room("entitlement.remedies:Remedies"),
    "latecomer_news": Room("deliver.latecomer_news:LatecomerNews"),
    "commitment_work": Room("commitment.work:CommitmentWork"),
    "commitment_files": Room("commitment.files:CommitmentFiles"),
    "questions": Room("feedback.questions:Questions"),
    "sms_replies": Room("feedback.sms_replies:SmsReplies"),
    "queue": Room("feedback.queue.queue:QuestionQueue"),
    "groups": Room("feedback.queue.groups:QuestionGroups"),
    "faq": Room("feedback.queue.faq:FaqEntries"),
    "outbox": Room("outbox.outbox:OutgoingMessages"),
    "answers": Room("feedback.answers:GivenAnswers"),
    "outgoing_reports": Room("outbox.reports:OutgoingReports"),
    "outgoing_statistics": Room("outbox.statistics:OutgoingStatistics"),
    "replies": Room("feedback.replies:Replies", "store outbox"),
    "surveys": Room("feedback.survey.surveys:Surveys"),
    "samples": Room("notice.survey_samples:SurveySamples"),
    "callers": Room("people.callers:Callers"),
    "mentions": Room("feedback.mentions:Mentions", "store questions answers"),
    "hours": Room("feedback.hours:QuestionHours"),
    "claims": Room("claim.claims:CompensationClaims"),
    "payments": Room("claim.payments:ClaimPayments"),
    "evidence": Room("claim.evidence:ClaimEvidence"),
    "notices": Room("notice.notices:Notices", "store replay"),
    "approvals": Room("notice.approvals:Approvals", "store notices"),
    "restore": Room("notice.restore:Restore"),
    "leases": Room("deliver.claims:Claims", "store notices"),
    "deliveries": Room("deliver.deliveries:Deliveries", "store leases notices replay"),
    "corrections": Room("deliver.corrections:Corrections", "store deliveries notices"),
    "decisions": Room("deliver.decisions:Decisions", "store deliveries notices"),
    "letters": Room("deliver.letters:PaperLetters", "store leases deliveries notices"),
    "previews": Room("deliver.previews:Previews", "store leases notices"),
    "statistics": Room("deliver.statistics:Statistics"),
    "receipts": Room("receipt.receipts:Receipts", "store notices outgoing_reports"),
    "polling": Room("receipt.polling:Polling"),
    "replied": Room("receipt.replied:Replied", "store receipts outgoing_reports"),
    "inbox": Room("receipt.inbox:IncomingMails"),
    "mail_files": Room("receipt.mail_files:MailFiles"),
    "cases": Room("case.case:Cases", "store notices"),
    "views": Room("case.views:Views", "store cases"),
    "told": Room("case.told:ToldRecord", "store notices cases"),
    "dossiers": Room("case.dossier:Dossiers", "store notices leases cases told questions answers remedies"),
    "tombstones": Room("incident.tombstones:Tombstones", "anchor"),
    "holds": Room("incident.legal_holds:LegalHolds", "store tombstones"),
    "destruction": Room("forget.destruction:Destruction", "store views surveys holds"),
    "visits": Room("case.visits:Visits", "store notices"),
    "erasure": Room("forget.erasure:Erasure", "store deliveries holds tombstones"),
    "retention": Room("forget.retention:Retentions", "store destruction surveys holds tombstones"),
    "keys": Room("forget.rotation:Rotation"),
    "forgettings": Room("forget.forgettings:Forgettings", "store erasure retention holds tombstones"),
    "restored_data": Room("forget.restored_data:RestoredData", "store tombstones"),
    "reports": Room("case.person_reports:PersonReports", "store notices"),
    "requests": Room("case.access_requests:AccessRequests"),
    "over_time": Room("case.over_time:CountsOverTime"),
    "choices": Room("people.page_choices:PageChoices"),
    "sent": Room("case.person_messages:SentMessages", "store notices leases"),
}
"""The rooms of a ledger. A process imports those that it uses, so that a command which reads one table starts soon."""


class Ledger:
    """A ledger, with its operations by subject: `incidents.open` …; safe for use by several threads and processes."""

    if TYPE_CHECKING:
        replay: Replay
        audit: Audit
        team: Team
        clocks: MachineClocks
        channels: ChannelsUsed
        looks: Looks
        refused: RefusedAttempts
        incidents: Incidents
        people: People
        opt_outs: OptOuts
        mailboxes: SharedMailboxes
        locale_rulings: LocaleRulings
        stops: RecordedStops
        closing: Closing
        reviews: Reviews
        playbooks: Playbooks
        occurrences: Occurrences
        assessments: Assessments
        codes: CodeStocks
        commitments: Commitments
        filings: Filings
        alerts: Alerts
        remedies: Remedies
        latecomer_news: LatecomerNews
        commitment_work: CommitmentWork
        commitment_files: CommitmentFiles
        questions: Questions
        sms_replies: SmsReplies
        queue: QuestionQueue
        groups: QuestionGroups
        faq: FaqEntries
        outbox: OutgoingMessages
        answers: GivenAnswers
        outgoing_reports: OutgoingReports
        outgoing_statistics: OutgoingStatistics
        replies: Replies
        surveys: Surveys
        samples: SurveySamples
        callers: Callers
        mentions: Mentions
        hours: QuestionHours
        claims: CompensationClaims
        payments: ClaimPayments
        evidence: ClaimEvidence
        notices: Notices
        approvals: Approvals
        restore: Restore
        leases: Claims
        deliveries: Deliveries
        corrections: Corrections
        decisions: Decisions
        letters: PaperLetters
        previews: Previews
        statistics: Statistics
        receipts: Receipts
        polling: Polling
        replied: Replied
        inbox: IncomingMails
        mail_files: MailFiles
        cases: Cases
        views: Views
        told: ToldRecord
        dossiers: Dossiers
        tombstones: Tombstones
        holds: LegalHolds
        destruction: Destruction
        visits: Visits
        erasure: Erasure
        retention: Retentions
        keys: Rotation
        forgettings: Forgettings
        restored_data: RestoredData
        reports: PersonReports
        requests: AccessRequests
        over_time: CountsOverTime
        choices: PageChoices
        sent: SentMessages

    def __init__(
        self, url: str, keys: Keys, anchor: Path | None = None, *, durable: bool = True, reserve: int = SIZE
    ) -> None:
        """Open the ledger at this database URL, with a disk reserve of this many bytes.

        Without `durable`, a crash of the machine may lose commits.
        """
        self._opened_with = partial(type(self), url, keys, anchor, durable=durable, reserve=reserve)
        self.store = Store(url, keys, anchor, durable=durable, reserve=reserve)
        self.anchor = anchor
        self._building = threading.RLock()

    def __getattr__(self, name: str) -> object:
        """Return the room of this name, made with the rooms that it needs when it is asked for the first time."""
        if name not in ROOMS:
            raise AttributeError(name)
        with self._building:  # several threads share the state of one room
            if name not in self.__dict__:
                room = ROOMS[name]
                needed = [getattr(self, other) for other in room.needs.split()]
                self.__dict__[name] = named(f"amends.ledger.{room.place}")(*needed)
            return self.__dict__[name]

    def __reduce__(self) -> tuple[object, ...]:
        return self._opened_with, ()

    def migrate(self) -> Self:
        """Make the tables of a new ledger, or check those of another; check the master key; return the ledger.

        Several processes may do so at once; a ledger that has its tables is only read. For a ledger on a server, to
        which other machines write too, the head of the audit chain is written to the anchor, so that this machine can
        tell an older copy. Raises KeyMissing, LedgerUnavailable, TablesDiffer.
        """
        with self.store.errors_in_words("opened"):
            with self.store.engine.connect() as connection:
                revision = _revision(connection)
            self._refuse_lost(revision)
            if not revision:
                self._create_tables()
        refuse_other_tables(revision)
        self.store.check_key()
        if self.store.path is None:
            with suppress(LedgerUnavailable):  # where the anchor cannot be written, no message is sent either
                self.store.note_newest()
        return self

    def _refuse_lost(self, revision: str) -> None:
        """Raise LedgerUnavailable for an empty database beside an anchor."""
        anchor = self.store.anchor
        if not revision and anchor and anchor.exists():
            raise LedgerUnavailable(
                f"the ledger's database is empty, yet {anchor} notes what stood in it: restore it from a backup"
            )

    def _create_tables(self) -> None:
        # Imported here, because it is needed once.
        from amends.ledger.schema import create

        with self.store.engine.execution_options(writes=True).begin() as connection:
            lock_exclusive(connection, SCHEMA_LOCK)
            if not _revision(connection):
                create(connection)

    def dispose(self) -> None:
        """Close all connections to the database."""
        self.store.dispose()


def _revision(connection: Connection) -> str:
    return revision_of(connection) if inspect(connection).has_table("amends_schema") else ""
