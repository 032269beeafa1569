"""Notices: record drafts and preflights, and release what is approved."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import and_, bindparam, case, delete, or_, text, update
from sqlalchemy import select as sql
from sqlalchemy.orm import aliased, defer
from sqlmodel import Session, col, func, select

from amends.domain.base.audience import EVERYONE, Audience, Promised, Unredeemed, audience_of
from amends.domain.base.errors import ApprovalMissing, LedgerAltered, NotInLedger, Refusal
from amends.domain.base.text import listed
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import ReceiptCause
from amends.domain.deliver.coded import CodedTexts
from amends.domain.deliver.preflight import Preflight
from amends.domain.deliver.waves import ReleasedVersion, go_on
from amends.domain.incident.commitment import CommitmentState
from amends.domain.law.addendum import Addenda
from amends.domain.notice.notice import DeliveryState, Draft, NoticeStage, Reader, TextName, name_parts
from amends.domain.notice.told import commitments_stated
from amends.domain.people.locales import ruled_instead
from amends.domain.team.approval import Standing
from amends.ledger.audit.replay import Replay
from amends.ledger.commitment.rows import columns_of
from amends.ledger.entitlement.code_rows import stocks_of
from amends.ledger.notice.audience import in_audience
from amends.ledger.notice.bad_addresses import waiting_for_bad
from amends.ledger.notice.codes import give_codes_to_page
from amends.ledger.notice.first_messages import PAGE, FirstMessages, in_cohort, last_person, may_have_left
from amends.ledger.notice.redirects import redirect
from amends.ledger.notice.restore import settle_left
from amends.ledger.notice.stage import RELEASED, standing_of
from amends.ledger.people.locale_rulings import rulings_of
from amends.ledger.people.opt_outs import withdraw
from amends.ledger.playbook.pins import pin_row
from amends.ledger.store.bulk import spelled
from amends.ledger.store.sealing import ALTERED
from amends.ledger.store.session import Store, incident_row
from amends.ledger.store.sums import changing, settle, settle_stored, store_messages
from amends.ledger.tables.commitment import CommitmentRow
from amends.ledger.tables.deliver import PRINTED, DeliveryRow
from amends.ledger.tables.incident import IncidentRow, IncidentVersionRow
from amends.ledger.tables.notice import KEY, NoticeRow, ReleaseRow, StatedCommitmentRow, ToldOtherwiseRow
from amends.ledger.tables.people import GONE, PersonRow
from amends.ledger.tables.playbook import PinRow

OF_THE_PAGE = "person BETWEEN :first AND :last"
OF_OPTIONAL = (ReceiptCause.OPTED_OUT, ReceiptCause.COMPLAINT_OPEN)
"""The reasons to hold a message of an optional notice only."""
OPTED_OUT_HELD = f"state = '{DeliveryState.HELD}' AND cause IN ('{OF_OPTIONAL[0]}', '{OF_OPTIONAL[1]}')"
PUBLIC = 0
"""The person number of messages to the public: pages and posts."""


@dataclass(frozen=True, slots=True)
class ListedAudience:
    """The part of an incident's people that a notice goes to, by the list in force."""

    digest: str
    people: int
    readers: frozenset[TextName]
    """The combinations of locale, kind of reader, addendum and cohort in the audience."""


class Notices:
    """The notices of a ledger: their drafts, preflights and releases."""

    def __init__(self, store: Store, replay: Replay) -> None:
        self._store = store
        self._replay = replay

    def audience(self, incident: str, name: str, notice: str = "") -> ListedAudience:
        """Count the people and the kinds of readers of this audience, with their cohorts in this notice, if any.

        More people may be told of a commitment before news of it leaves, so that the readers of the news are of all
        kinds to whom the commitment is made.
        """
        with self._store.read() as session:
            row = incident_row(session, incident)
            counted = session.exec(_readers(incident, name, notice)).all()
            promised = _promised_to(session, incident, name)
            more = session.exec(_readers(incident, promised, notice)).all() if promised else ()
            addenda = self.addenda(session, incident)
        readers = frozenset(
            TextName(locale, Reader.GUARDIAN if child else Reader.SELF, addenda.addendum_for(country, region), cohort)
            for locale, child, country, region, cohort, _ in (*counted, *more)
        )
        return ListedAudience(f"{row.audience_digest}:{name}", sum(count for *_, count in counted), readers)

    def draft(self, draft: Draft, now: datetime, seen: int | None = None) -> int:
        """Record a draft and return the version in force: a new one, or the present one when the content is the same.

        Messages that have left stay with the version that people got. `seen` is the version that the author saw before
        writing (0 for none): a later version stays in force when the notice is over, or when the later version may
        leave, because somebody may have approved it.
        """
        with self._store.write() as write:
            write.incident(draft.incident)
            latest = notice_row(write.session, draft.incident, draft.notice)
            if latest and latest.binding == draft.binding:
                return latest.version
            if latest and self._written_meanwhile(write.session, latest, seen, now):
                return latest.version
            version = latest.version + 1 if latest else 1
            write.session.add(
                NoticeRow(
                    incident=draft.incident,
                    notice=draft.notice,
                    version=version,
                    draft=draft.model_dump(mode="json"),
                    binding=draft.binding,
                    stage=NoticeStage.DRAFTED,
                    drafted_at=now,
                    optional=draft.optional,
                    survey=draft.survey,
                )
            )
            write.note(
                now, draft.incident, "drafted", f"{draft.notice} v{version}", actor=draft.author, binding=draft.binding
            )
            return version

    def _written_meanwhile(self, session: Session, latest: NoticeRow, seen: int | None, now: datetime) -> bool:
        if seen is None or latest.version <= seen:
            return False
        return NoticeStage(latest.stage).is_over or not why_not_release(session, self.drafted(latest), now)

    def latest_draft(self, incident: str, notice: str) -> Draft:
        """Return the latest draft of a notice. Raises NotInLedger."""
        with self._store.read() as session:
            return self.drafted(existing_row(session, incident, notice))

    def preflight(self, draft: Draft) -> Preflight | None:
        """Return the recorded preflight of exactly this draft, or None when none was made."""
        with self._store.read() as session:
            row = existing_row(session, draft.incident, draft.notice)
            return _preflight(row) if row.binding == draft.binding else None

    def keep_preflight(self, draft: Draft, found: Preflight, now: datetime) -> None:
        """Record the preflight of this draft, unless the notice has another draft by now."""
        with self._store.write() as write:
            write.incident(draft.incident)
            row, kept = existing_row(write.session, draft.incident, draft.notice), found.model_dump(mode="json")
            if row.binding != draft.binding or row.preflight == kept:
                return
            row.preflight = kept
            subject, wrong = f"{draft.notice} v{row.version}", found.cannot_be_made
            write.note(now, draft.incident, "looked over", subject, messages=found.messages, cannot_be_made=wrong)

    def release(self, incident: str, notice: str, now: datetime) -> Draft:
        """Release an approved notice: store a waiting message per person and channel. Safe to repeat at any moment.

        Raises ApprovalMissing when exactly this notice is not approved (any more), and LedgerRestored.
        """
        self._replay.refuse_altered(incident, notice)
        with self._store.write() as write:
            self._store.refuse_if_restored(write.session)
            write.incident(incident)
            row = _releasable(write.session, incident, notice, now)
            draft, begins = self.drafted(row), row.stage not in RELEASED
            self._store.released_notes.add(incident, notice)
            if begins:
                self._begin(write.session, row, draft, now)
            if row.optional:
                withdraw(write.session, incident, now)
            if begins:  # after all messages are locked, in the order in which claims lock too, against deadlocks
                subject = f"{notice} v{row.version}"
                write.note(now, incident, "released", subject, binding=row.binding, people=draft.people)
            doubt, end = may_have_left(write.session, draft), last_person(write.session, draft)
        while self._prepare_page(draft, row.version, end, now):
            pass
        if doubt:
            with self._store.write() as write:
                settle_left(write, self._store.keys, incident, notice, now)
        return draft

    def _begin(self, session: Session, row: NoticeRow, draft: Draft, now: datetime) -> None:
        session.add(
            ReleaseRow(
                incident=row.incident, notice=row.notice, version=row.version, binding=row.binding, prepared=0, at=now
            )
        )
        session.flush()
        row.stage = NoticeStage.SENDING
        _carry_over(session, row)
        if people := session.execute(waiting_for_bad(row.incident, row.notice)).scalars().all():
            redirect(session, draft, row.version, self.addenda(session, draft.incident), people, now, anew=True)
        if not row.optional:
            self._forget_opt_outs(session, draft, row.version, now)
        _store_public(session, draft, row.version, now)
        _record_commitments(session, draft)
        _record_stated(session, draft, row.version)

    def _forget_opt_outs(self, session: Session, draft: Draft, version: int, now: datetime) -> None:
        """Delete the messages that only an earlier, optional version held: this version goes to everybody.

        A person whom a channel had failed before opting out gets this version on the next channel. A person without
        any other message of the notice gets the first messages of this version with their page.
        """
        here = (col(DeliveryRow.incident) == draft.incident, col(DeliveryRow.notice) == draft.notice)
        held = and_(col(DeliveryRow.state) == DeliveryState.HELD, col(DeliveryRow.cause).in_(OF_OPTIONAL))
        person = col(DeliveryRow.person)
        tried = select(person).where(*here, ~held, person.in_(sql(person).where(*here, held))).distinct()
        people = session.exec(tried.order_by(person)).all()
        with changing(session, "delivery", (draft.incident, draft.notice), OPTED_OUT_HELD):
            session.execute(delete(DeliveryRow).where(*here, held))
        if people:
            redirect(session, draft, version, self.addenda(session, draft.incident), people, now, anew=True)

    def _prepare_page(self, draft: Draft, version: int, end: int, now: datetime) -> bool:
        """Store the messages for the next page of people; return True when people up to number `end` are left."""
        with self._store.write() as write:
            release = write.session.get_one(ReleaseRow, (draft.incident, draft.notice, version), with_for_update=True)
            connection = write.session.connection()
            addenda, doubt = self.addenda(write.session, draft.incident), may_have_left(write.session, draft)
            writer = FirstMessages(draft, version, addenda, spelled(connection, now), doubt)
            page = {"first": release.prepared + 1, "last": min(release.prepared + PAGE, end)}
            with changing(write.session, "delivery", (draft.incident, draft.notice), OF_THE_PAGE, **page):
                writer.store_page(connection, release.prepared, end)
            settle_stored(write.session, draft.incident, draft.notice, page.values())
            give_codes_to_page(write, draft, **page, now=now)
            release.prepared = max(page["last"], release.prepared)
            return release.prepared < end

    def waves_go_on(self, session: Session, row: NoticeRow) -> tuple[datetime, int]:
        """Return when the waves of a released version begin, and the number of the person behind whom they begin."""
        mine = (ReleaseRow.incident == row.incident, ReleaseRow.notice == row.notice, ReleaseRow.version <= row.version)
        query = (
            select(NoticeRow, ReleaseRow.at, ReleaseRow.prepared)
            .join(ReleaseRow, and_(*(col(getattr(NoticeRow, name)) == getattr(ReleaseRow, name) for name in KEY)))
            .where(*mine)
            .order_by(col(ReleaseRow.version))
            .options(defer(NoticeRow.draft))  # type: ignore[arg-type]
        )
        released = session.exec(query).all()
        return go_on([ReleasedVersion(at, people, self.drafted(one).waves) for one, at, people in released])

    def drafted(self, row: NoticeRow) -> Draft:
        """Return the draft in this row, from the cache when it was read before.

        The binding is part of the cache key, because after a restored backup the same version may be another draft.
        """
        name = ("draft", row.incident, row.notice, row.version, row.binding)
        return self._store.cache.get(name, lambda: _bound_draft(row))

    def coded(self, session: Session, row: NoticeRow) -> CodedTexts:
        """Return the texts of the draft in this row that promise a code, from the cache when they were found before."""
        stocks = sorted(stocks_of(session, row.incident))
        name = ("coded", row.incident, row.notice, row.version, row.binding, *stocks)
        return self._store.cache.get(name, lambda: CodedTexts(self.drafted(row), stocks))

    def addenda(self, session: Session, incident: str) -> Addenda:
        """Return the addenda of the words in force; none before a playbook runs."""
        row = pin_row(session, incident)
        if row is None:
            return Addenda()
        return self._store.cache.get(
            ("addenda", row.digest), lambda: Addenda.model_validate(row.wording.get("addenda", {}))
        )


def _bound_draft(row: NoticeRow) -> Draft:
    """Return the draft in this row. Raises LedgerAltered when it is not what the row's hash binds."""
    draft = Draft.model_validate(row.draft)
    if draft.binding != row.binding:
        raise LedgerAltered(f"the draft of {row.notice} v{row.version} of {row.incident} was altered: {ALTERED}")
    return draft


def _readers(incident: str, name: str, notice: str) -> Any:
    """Return a query that counts the people of an audience by their kind of reader.

    A kind is the reader's locale, whether the reader is a guardian, the country and region of the person affected, and
    their cohort in the notice.
    """
    reader, guarded = aliased(PersonRow), col(PersonRow.guardian) > 0
    addressee = case((guarded, col(PersonRow.guardian)), else_=col(PersonRow.number))
    cohort = func.coalesce(ToldOtherwiseRow.cohort, "")
    kinds = (col(reader.locale), guarded, col(PersonRow.country), col(PersonRow.region), cohort)
    return (
        select(*kinds, func.count())  # type: ignore[call-overload]  # typed for up to four columns only
        .select_from(PersonRow)
        .join(reader, and_(col(reader.incident) == PersonRow.incident, col(reader.number) == addressee))
        .join(ToldOtherwiseRow, in_cohort(incident, notice), isouter=True)
        .where(*in_audience(incident, name))
        .group_by(*kinds)
    )


def _promised_to(session: Session, incident: str, name: str) -> str:
    """Return the audience to which the commitment is made whose news this audience gets; empty for other audiences."""
    news = audience_of(name)
    row = session.get(CommitmentRow, (incident, news.of)) if isinstance(news, Promised) else None
    return row.audience if row else ""


def not_told(session: Session, incident: str, notice: str, audience: Audience) -> int:
    """Count the people of this audience who were found after the release, and so have no message of the notice."""
    have_one = sql(col(DeliveryRow.person)).where(
        col(DeliveryRow.incident) == incident, col(DeliveryRow.notice) == notice
    )
    # EXCEPT, because PostgreSQL without statistics may test a condition by scanning all messages for each person.
    without = sql(col(PersonRow.number)).where(*in_audience(incident, audience)).except_(have_one)
    return session.exec(select(func.count()).select_from(without.subquery())).one()


def latecomers(session: Session, row: NoticeRow, audience: Audience, digest: str, have_one: int | None = None) -> int:
    """Count the people whom a corrected list added and who have no message of a notice that was released before.

    `row` is the latest version of the notice; `audience` and `digest` are those of its draft. Nobody of a notice to
    everybody is read when the caller knows in the same view of the ledger how many people have a message of it.
    """
    incident = session.get_one(IncidentRow, row.incident)
    list_in_force = f"{incident.audience_digest}:{audience}"
    if row.stage in RELEASED and (digest == list_in_force or isinstance(audience, Promised | Unredeemed)):
        return 0  # this version was released to the list in force, or to those whom earlier messages had told
    releases = select(ReleaseRow.version).where(ReleaseRow.incident == row.incident, ReleaseRow.notice == row.notice)
    if session.exec(releases.limit(1)).first() is None:
        return 0
    if have_one is None or audience != EVERYONE:
        return not_told(session, row.incident, row.notice, audience)
    return incident.people - have_one + _gone(session, row.incident, row.notice)


def _gone(session: Session, incident: str, notice: str) -> int:
    """Count the people with a message of the notice who are gone from the list."""
    theirs = (DeliveryRow.incident == incident, DeliveryRow.notice == notice, DeliveryRow.person == PersonRow.number)
    has_one = select(DeliveryRow.id).where(*theirs).exists()
    gone = select(func.count()).select_from(PersonRow).where(PersonRow.incident == incident, text(GONE), has_one)
    return session.exec(gone).one()


LATEST_NOTICE = (
    select(NoticeRow)
    .where(NoticeRow.incident == bindparam("incident"), NoticeRow.notice == bindparam("notice"))
    .order_by(col(NoticeRow.version).desc())
    .limit(1)
    .options(defer(NoticeRow.draft))  # type: ignore[arg-type]
)


def notice_row(session: Session, incident: str, notice: str) -> NoticeRow | None:
    """Return the row of the latest version of a notice, or None when the notice was never drafted."""
    return session.exec(LATEST_NOTICE, params={"incident": incident, "notice": notice}).first()


def existing_row(session: Session, incident: str, notice: str) -> NoticeRow:
    """Return the row of the latest version of a notice. Raises NotInLedger."""
    row = notice_row(session, incident, notice)
    if row is None:
        incident_row(session, incident)
        found = f"`amends incident show {incident}` lists those it has, `amends timeline {incident}` what comes"
        raise NotInLedger(f"incident {incident} has no notice {notice}; {found}")
    return row


_NEWEST = select(func.max(PinRow.number)).where(PinRow.incident == bindparam("incident")).scalar_subquery()
IN_FORCE = (
    sql(col(IncidentVersionRow.digest), col(IncidentRow.audience_digest), func.coalesce(PinRow.digest, ""))
    .select_from(IncidentRow)
    .join(
        IncidentVersionRow,
        (col(IncidentVersionRow.incident) == IncidentRow.id) & (col(IncidentVersionRow.version) == IncidentRow.version),
    )
    .join(PinRow, (col(PinRow.incident) == IncidentRow.id) & (col(PinRow.number) == _NEWEST), isouter=True)
    .where(col(IncidentRow.id) == bindparam("incident"))
)
"""A query for the hashes of an incident's facts, audience and words that are in force."""


class InForce(NamedTuple):
    """The hashes of an incident's facts, audience and words that are in force."""

    facts: str
    audience: str
    words: str


def in_force(session: Session, incident: str) -> InForce:
    """Return the hashes that are in force for the incident."""
    return InForce(*session.execute(IN_FORCE, {"incident": incident}).one())


def is_current(session: Session, draft: Draft, known: InForce | None = None) -> bool:
    """Return True when the facts, the audience and the words in force are those that the draft was made from.

    A caller with many drafts of an incident gives what is in force, so that this is read once.
    """
    return not changed_since(session, draft, known)


def changed_since(session: Session, draft: Draft, known: InForce | None = None) -> str:
    """Return in words which of facts, list, playbook and languages have changed since the draft was made, or ""."""
    known = known or in_force(session, draft.incident)
    stands = {
        "the facts": draft.facts_digest == known.facts,
        "the list of people": draft.audience_digest == f"{known.audience}:{draft.audience}",
        "the playbook or its words": draft.pinned == known.words,
        "the decision on languages": not draft.instead or draft.instead == _ruled_now(session, draft),
    }
    return listed([what for what, same in stands.items() if not same])


def _ruled_now(session: Session, draft: Draft) -> dict[str, str]:
    return ruled_instead(draft.instead, draft.locales, rulings_of(session, draft.incident))


def is_overtaken(session: Session, draft: Draft) -> bool:
    """Return True when the commitment that the draft is about has changed again since, and another notice tells it.

    The notice that makes a commitment tells its new date itself, as long as the commitment is open.
    """
    if not draft.about or not _changed(session, draft.incident, {draft.about: draft.change}):
        return False
    row = session.get_one(CommitmentRow, (draft.incident, draft.about))
    return row.made_in != draft.notice or row.state != CommitmentState.OPEN


def promises_changed(session: Session, draft: Draft) -> tuple[str, ...]:
    """Return the commitments that the texts of the draft state and that have changed since."""
    return _changed(session, draft.incident, draft.changes)


def _changed(session: Session, incident: str, known: Mapping[str, int]) -> tuple[str, ...]:
    rows = ((name, session.get(CommitmentRow, (incident, name))) for name in known)
    return tuple(name for name, row in rows if row and row.changes > known[name])


def why_not_release(session: Session, draft: Draft, now: datetime) -> Refusal | None:
    """Return why this draft must not leave as it is, or None."""
    if changed := changed_since(session, draft):
        return Refusal(f"{changed} changed after {draft.notice} was drafted; it is drafted afresh first")
    if is_overtaken(session, draft):
        return Refusal(f"{draft.notice} is overtaken: more has become of {draft.about} since, and that is told instead")
    if promises := promises_changed(session, draft):
        return Refusal(f"{draft.notice} says how {listed(promises)} stood before; it is drafted afresh first")
    if draft.outdated(now):
        return Refusal(f"{draft.notice} names a time for the next notice that has passed; it is drafted afresh first")
    return None


def _preflight(row: NoticeRow) -> Preflight | None:
    return Preflight.model_validate(row.preflight) if row.preflight else None


def why_not_fit(row: NoticeRow) -> Refusal | None:
    """Return why the preflight keeps this version from being approved, or None."""
    found = _preflight(row)
    if found is None:
        look = f"`amends preview {row.incident} {row.notice}`"
        return Refusal(
            f"nobody has looked yet whether everybody's message of {row.notice} can be put together; {look} does"
        )
    return found.why_not_approve(row.notice)


def _releasable(session: Session, incident: str, notice: str, now: datetime) -> NoticeRow:
    """Return the notice's row when exactly this notice may leave, or was released already. Raises ApprovalMissing."""
    row = existing_row(session, incident, notice)
    draft = Draft.model_validate(row.draft)
    if draft.binding != row.binding or not is_current(session, draft):
        raise ApprovalMissing(
            f"{notice} is not what was approved: the facts, the audience or a decision on languages changed since"
        )
    if row.stage in RELEASED:
        return row
    if reason := why_not_release(session, draft, now):
        raise ApprovalMissing(reason)
    stands = standing_of(session, row, draft, now)
    if stands.rejected_by:
        raise ApprovalMissing(f"{notice} was rejected by {stands.rejected_by}; it must be drafted anew")
    if stands.still_needed:
        raise ApprovalMissing(
            f"{notice} waits for {stands.waits_for}{_ran_out(stands)}; "
            f"see `amends preview {incident} {notice}`, then `amends approve {incident} {notice} --as NAME`"
        )
    return row


def _ran_out(stands: Standing) -> str:
    """Return in words whose approvals have expired, to end a sentence with, or ""."""
    return f" (too long ago, so it must be given anew: {listed(stands.expired)})" if stands.expired else ""


def _carry_over(session: Session, row: NoticeRow) -> None:
    """Move the messages that have not left from earlier versions of the notice to this version."""
    here = (col(DeliveryRow.incident) == row.incident, col(DeliveryRow.notice) == row.notice)
    state = col(DeliveryRow.state)
    due = update(DeliveryRow).where(*here, state.in_([DeliveryState.WAITING, DeliveryState.DEFERRED]))
    session.execute(due.values(version=row.version, state=DeliveryState.WAITING, next_try_at=None))
    parked = update(DeliveryRow).where(*here, state == DeliveryState.PARKED)
    begins = case((col(DeliveryRow.channel).in_(PRINTED), DeliveryState.TO_PRINT), else_=DeliveryState.WAITING)
    begun = {"state": begins, "cause": ReceiptCause.NONE, "detail": "", "attempts": 0}
    settle(session, parked.values(version=row.version, **begun))
    letters = update(DeliveryRow).where(*here, state == DeliveryState.TO_PRINT)
    settle(session, letters.values(version=row.version))
    _name_anew(session, row)


OF_A_COHORT = "%/%/%/%"
"""The form of the names of texts that are written for a cohort."""


def _name_anew(session: Session, row: NoticeRow) -> None:
    """Give the messages that have not left the text of the cohort in which their person is by this version."""
    mine = and_(col(ToldOtherwiseRow.incident) == row.incident, col(ToldOtherwiseRow.notice) == row.notice)
    theirs = and_(mine, col(ToldOtherwiseRow.person) == DeliveryRow.person)
    query = (
        sql(col(DeliveryRow.id), col(DeliveryRow.variant), func.coalesce(ToldOtherwiseRow.cohort, ""))
        .join(ToldOtherwiseRow, theirs, isouter=True)
        .where(DeliveryRow.incident == row.incident, DeliveryRow.notice == row.notice)  # type: ignore[arg-type]
        .where(col(DeliveryRow.version) == row.version, col(DeliveryRow.person) != PUBLIC)
        .where(or_(col(ToldOtherwiseRow.cohort).is_not(None), col(DeliveryRow.variant).like(OF_A_COHORT)))
    )
    for number, name, cohort in session.execute(query).all():
        if (parts := name_parts(name)).cohort != cohort:
            anew = str(parts._replace(cohort=cohort))
            session.execute(update(DeliveryRow).where(col(DeliveryRow.id) == number).values(variant=anew))


def _store_public(session: Session, draft: Draft, version: int, now: datetime) -> None:
    """Store a message per locale for the website and each social channel; a new version puts its page up again."""
    query = select(DeliveryRow.channel, DeliveryRow.variant, DeliveryRow.version).where(
        DeliveryRow.incident == draft.incident, DeliveryRow.notice == draft.notice, DeliveryRow.person == PUBLIC
    )
    known = {
        (channel, name)
        for channel, name, stands in session.exec(query)
        if not ChannelKind(channel).page or stands == version
    }
    writer = FirstMessages(draft, version, Addenda(), spelled(session.connection(), now), may_have_left(session, draft))
    rows = []
    for variant in draft.variants:
        name = str(variant.name)
        if not variant.channel.personal and variant.reader is Reader.SELF and (variant.channel, name) not in known:
            place = f"{variant.locale} {version}" if variant.channel.page else variant.locale
            rows.append(writer.row(PUBLIC, variant.channel, place.encode(), name))
    store_messages(session, rows)


def _record_commitments(session: Session, draft: Draft) -> None:
    """Record the commitments that this notice is the first to make, some of which were added before."""
    for commitment in draft.commitments:
        row = session.get(CommitmentRow, (draft.incident, commitment.id), with_for_update=True)
        if row is None:
            session.add(CommitmentRow(incident=draft.incident, **columns_of(commitment), changes=0, told=0))
        elif not row.made_in:
            row.made_in, row.told = draft.notice, row.changes


def _record_stated(session: Session, draft: Draft, version: int) -> None:
    of_draft: dict[str, Any] = {"incident": draft.incident, "notice": draft.notice, "version": version}
    session.add_all(StatedCommitmentRow(**of_draft, **asdict(one)) for one in commitments_stated(draft))
