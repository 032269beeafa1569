"""Corrected lists of people: compare one with the list in force, and put it in force."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, text, update
from sqlmodel import Session, col, func, select

from amends.domain.base.errors import NotAllowed
from amends.domain.deliver.correction import Ask, DifferenceKind, objections
from amends.domain.forget.retention import DataKind
from amends.domain.notice.notice import Draft, NoticeStage
from amends.domain.people.person import Hold, Person
from amends.domain.playbook.playbook import Event, Phase, Playbook
from amends.ledger.commitment.told import told, untold_again
from amends.ledger.deliver.cascade import reopen
from amends.ledger.deliver.compare import ADDRESSES, Comparing, Correction, erased_people
from amends.ledger.deliver.deliveries import Deliveries
from amends.ledger.incident.incidents import version_row
from amends.ledger.notice.notices import Notices, existing_row, is_overtaken, not_told, notice_row
from amends.ledger.notice.redirects import Redirected, redirect, waits_for_somebody
from amends.ledger.notice.stage import RELEASED
from amends.ledger.people.census import count_people
from amends.ledger.people.links import links_held, renew_links
from amends.ledger.people.people import CHUNK, PEOPLE_COLUMNS, find_guardians, insert_people, store_element_sets
from amends.ledger.people.shared_mailboxes import free_without_copy
from amends.ledger.playbook.pins import pin_row
from amends.ledger.store.bulk import among, listed, pages, take_stock
from amends.ledger.store.session import Store, Transaction, incident_row
from amends.ledger.store.sums import changing
from amends.ledger.tables.deliver import LeaseRow
from amends.ledger.tables.incident import ForgottenRow, IncidentRow, IncidentVersionRow
from amends.ledger.tables.notice import NoticeRow, ReleaseRow
from amends.ledger.tables.people import PersonRow

KEPT = ("incident", "number", "ref_index", "link_index", "link_version", "guardian", "hold")
"""Columns that a correction does not write; guardian and hold change only when the values that decide them change."""
CORRECTED = tuple(name for name in PEOPLE_COLUMNS if name not in KEPT)
DECIDED_ANEW = ("hold", "guardian", "gone_at")

PAGE = 10_000
"""The number of people whose messages are redirected at a time; a database without statistics may read all messages for
each page, so pages are large."""

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Followed:
    """The effects of a corrected list on the messages of one notice."""

    notice: str
    redirected: int
    """Messages that go to another address, or with another text, than before."""
    held: int
    """Messages that do not leave any more."""
    new: int
    """New messages that wait, for people whom none had reached."""
    not_told: int
    """People of the list who have no message of the notice."""
    drafted_afresh: bool
    """True when a new version is drafted, which reaches these people once it is approved."""


class Corrections:
    """The corrections of lists: the comparison blocks nobody, and the differences are written all or none."""

    def __init__(self, store: Store, deliveries: Deliveries, notices: Notices) -> None:
        self._store = store
        self._deliveries = deliveries
        self._notices = notices

    def compare(self, incident: str, people: Iterable[Person]) -> Correction:
        """Compare this list with the list in force, without storing anything.

        People who were erased on request stay out. Raises NotInLedger, and NotAllowed when the contact data of the
        people was forgotten. An error that the iterable `people` raises passes through.
        """
        with self._store.read() as session:
            row = incident_row(session, incident)
            _refuse_forgotten(session, incident)
            comparing = Comparing(self._store.keys, self._store.seal(session, incident), session, row)
            for page in pages(people, CHUNK):
                comparing.take(page)
            return comparing.end()

    def apply(
        self, correction: Correction, said: Mapping[Ask, int | None], file: str, by: str, now: datetime
    ) -> tuple[Followed, ...]:
        """Put the corrected list in force, and return the effects on each notice. The same list changes nothing.

        Approvals of notices that have not left become void. A personal link that was sent to an address that is not the
        person's any more stops working; the next message has a new link. `file` is the hash of the file, for the audit
        chain. Raises NotAllowed when a difference looks like an accident and no person has confirmed it (`said`), when
        a lease holds messages, or when the list in force is another one by now.
        """
        if not correction.difference.changes:
            return ()
        if refusal := objections(correction.difference, said):
            raise NotAllowed("; ".join(refusal))
        incident = correction.incident
        for notice in self._notices_with_leases(incident):
            self._deliveries.recover(incident, notice, now)
        with self._store.write() as write:
            row = _locked_incident(write.session, correction)
            _refuse_forgotten(write.session, incident)
            _refuse_erased_meanwhile(write.session, correction)
            held = links_held(write.session, incident, _may_lose_addresses(correction))
            with changing(write.session, "person", (incident,)):
                touched = _store_people(write.session, correction, now)
                links = renew_links(write.session, self._store.keys, incident, held)
            touched = sorted({*touched, *free_without_copy(write.session, incident)})
            self._put_in_force(write, row, correction, by, now)
            followed = self._follow(write.session, incident, touched, now)
            detail: dict[str, Any] = {"people": row.people, "audience": row.audience_digest, "file": file}
            counts = correction.difference.counts | {"links": links}
            write.note(now, incident, "audience corrected", actor=by, **detail | counts)
            return followed

    def end_notice(self, incident: str, notice: str, now: datetime) -> bool:
        """End a notice whose next version would reach nobody, and return True when the notice has ended.

        A released notice is finished, and a draft is dropped. The notice does not end while a person in the list has no
        message of the notice, or waits for one.
        """
        with self._store.write() as write:
            write.incident(incident)
            row = existing_row(write.session, incident, notice)
            draft = self._notices.drafted(row)
            if _somebody_is_left(write.session, draft):
                return False
            if row.stage in RELEASED:
                return self._deliveries.finish_in(write, incident, notice, now)
            row.stage = NoticeStage.DROPPED
            if draft.about:
                told(write.session, incident, draft.about, draft.change)
            write.note(now, incident, "dropped", f"{notice} v{row.version}", why="nobody is left to tell")
            return True

    def _notices_with_leases(self, incident: str) -> Sequence[str]:
        with self._store.read() as session:
            return session.exec(select(LeaseRow.notice).where(LeaseRow.incident == incident).distinct()).all()

    def _put_in_force(
        self, write: Transaction, row: IncidentRow, correction: Correction, by: str, now: datetime
    ) -> None:
        """Store the new list and a new version of the facts with the same content, so that the case is assessed anew.

        Messages claimed under the earlier version may not leave any more, and the version's author, who handed in the
        list, may not approve notices.
        """
        store_element_sets(write.session, row.id)
        row.people, row.audience_digest = correction.difference.after, correction.digest
        counts = count_people(write.session, row.id, row.audience_digest)
        row.counts = counts.model_dump(mode="json")
        facts = version_row(write.session, row.id, row.version)
        row.version += 1
        write.session.add(
            IncidentVersionRow(
                incident=row.id, version=row.version, content=facts.content, digest=facts.digest, author=by, at=now
            )
        )

    def _follow(self, session: Session, incident: str, touched: Sequence[int], now: datetime) -> tuple[Followed, ...]:
        """Redirect the messages that have not left, reopen notices that go on, and return the effects by notice."""
        telling = _telling_steps(session, incident)
        released = select(ReleaseRow.notice, func.max(ReleaseRow.version)).where(ReleaseRow.incident == incident)
        followed = tuple(
            self._follow_in(session, session.get_one(NoticeRow, (incident, notice, version)), touched, telling, now)
            for notice, version in session.exec(released.group_by(col(ReleaseRow.notice))).all()
        )
        return (*followed, *self._take_up(session, incident))

    def _take_up(self, session: Session, incident: str) -> Iterator[Followed]:
        """Reopen dropped drafts that have recipients again, except of notices released before: see `_follow_in`."""
        released = select(ReleaseRow.notice).where(ReleaseRow.incident == incident)
        dropped = select(NoticeRow).where(NoticeRow.incident == incident, NoticeRow.stage == NoticeStage.DROPPED)
        for row in session.exec(dropped.where(col(NoticeRow.notice).not_in(released))).all():
            draft = self._notices.drafted(row)
            late = not_told(session, incident, row.notice, draft.audience)
            if late and not is_overtaken(session, draft):
                reopen(session, row)
                if draft.about:
                    untold_again(session, incident, draft.about, draft.change)
                yield Followed(row.notice, 0, 0, 0, late, True)

    def _follow_in(
        self, session: Session, released: NoticeRow, touched: Sequence[int], telling: frozenset[str], now: datetime
    ) -> Followed:
        """Redirect the messages of one released notice, and return the effects.

        A notice that is over is reopened for people found late only when its step tells people for the first time.
        """
        draft, latest = (
            self._notices.drafted(released),
            notice_row(session, released.incident, released.notice) or released,
        )
        goes_on = not NoticeStage(latest.stage).is_over or draft.step in telling
        addenda, done = self._notices.addenda(session, released.incident), Redirected()
        for page in pages(touched, PAGE):
            done += redirect(session, draft, released.version, addenda, page, now, anew=goes_on)
        late = not_told(session, draft.incident, draft.notice, draft.audience)
        waits = waits_for_somebody(session, draft.incident, draft.notice)
        if goes_on and (late > 0 or waits):
            reopen(session, latest)
        return Followed(draft.notice, done.moved, done.held, done.new, late, waits or (goes_on and late > 0))


# Writing the differences.


def _may_lose_addresses(correction: Correction) -> frozenset[int]:
    """Return the people whose messages may go to another address from now on, or who may be guardians no longer."""
    changed = {
        change.person for change in correction.difference.changes if set(change.fields) & set(ADDRESSES.values())
    }
    gone = {change.person for change in correction.difference.changes if change.kind is DifferenceKind.GONE}
    return correction.anew | changed | gone


def _locked_incident(session: Session, correction: Correction) -> IncidentRow:
    """Return the incident's row, locked: nobody claims or prepares messages until the transaction ends.

    The lock is exclusive, because a claim locks the row for reading. The releases are locked too, because preparing a
    page of messages locks only its release. Raises NotAllowed.
    """
    incident = correction.incident
    row = session.get_one(IncidentRow, incident, with_for_update=True)
    session.exec(select(ReleaseRow.notice).where(ReleaseRow.incident == incident).with_for_update()).all()
    if row.audience_digest != correction.base:
        raise NotAllowed("somebody else has corrected the list meanwhile; compare yours with theirs first (--check)")
    if session.exec(select(LeaseRow.id).where(LeaseRow.incident == incident).limit(1)).first() is not None:
        raise NotAllowed(
            f"messages of {incident} are being sent right now: `amends stop {incident} --as NAME` ends that, or wait "
            "for two minutes after a crash; then hand in the list again"
        )
    return row


def _refuse_forgotten(session: Session, incident: str) -> None:
    """Raise NotAllowed when the people's contact data was forgotten: a list could not be held against it any more."""
    if row := session.get(ForgottenRow, (incident, DataKind.CONTACTS.value)):
        raise NotAllowed(
            f"names and addresses of {incident} were forgotten on {row.at:%Y-%m-%d}; no list changes it now"
        )


def _refuse_erased_meanwhile(session: Session, correction: Correction) -> None:
    """Raise NotAllowed when somebody whom the list would store was erased since the comparison."""
    erased = erased_people(session, correction.incident)
    stored = {row[PEOPLE_COLUMNS.index("ref_index")] for row in correction.rows.values()}
    if erased.keys() & stored or set(erased.values()) & correction.rows.keys():
        raise NotAllowed("somebody was erased on request meanwhile; hand in the list again")


def _store_people(session: Session, correction: Correction, now: datetime) -> Sequence[int]:
    """Store the differences, and return, in order, the numbers of the people whose messages may have to change."""
    connection, incident = session.connection(), correction.incident
    numbers = {kind: [c.person for c in correction.difference.changes if c.kind is kind] for kind in DifferenceKind}
    known = [*numbers[DifferenceKind.CHANGED], *numbers[DifferenceKind.BACK]]
    for page in pages(known, CHUNK):
        _set(connection, _named(correction, page), CORRECTED)
    for page in pages(_with_other_data(correction), CHUNK):
        theirs = _these(connection, incident, "number", page)
        session.execute(update(PersonRow).where(*theirs).values(data_changed_at=now))
    for page in pages(sorted(correction.anew), CHUNK):
        _set(connection, _named(correction, page), DECIDED_ANEW)
    for page in pages(numbers[DifferenceKind.NEW], CHUNK):
        connection.exec_driver_sql(insert_people(session), [correction.rows[one] for one in page])
    if numbers[DifferenceKind.NEW]:
        take_stock(connection, "person")
    gone = {"hold": Hold.GONE.value, "gone_at": now}
    session.execute(
        update(PersonRow).where(*_these(connection, incident, "number", numbers[DifferenceKind.GONE])).values(**gone)
    )
    touched = [*known, *numbers[DifferenceKind.GONE]]
    children = session.exec(select(PersonRow.number).where(*_children_of(connection, incident, touched))).all()
    guarded = _find_guardians_anew(session, incident, [*correction.anew, *numbers[DifferenceKind.GONE]])
    return sorted({*touched, *children, *guarded})


def _with_other_data(correction: Correction) -> list[int]:
    """Return the people whose data elements changed, and those who came back, whose data elements may have changed."""
    changes = correction.difference.changes
    return [change.person for change in changes if change.kind is DifferenceKind.BACK or "data" in change.fields]


def _these(connection: Connection, incident: str, column: str, numbers: Iterable[int]) -> tuple[Any, ...]:
    chosen = text(among(connection, f"person.{column}")).bindparams(ids=listed(connection, numbers))
    return col(PersonRow.incident) == incident, chosen


def _children_of(connection: Connection, incident: str, guardians: Iterable[int]) -> tuple[Any, ...]:
    return col(PersonRow.guardian) > 0, *_these(connection, incident, "guardian", guardians)


def _named(correction: Correction, people: Iterable[int]) -> list[Values]:
    """Return the new values of these people by column; none of these people is gone."""
    return [{**dict(zip(PEOPLE_COLUMNS, correction.rows[person], strict=True)), "gone_at": None} for person in people]


def _set(connection: Connection, rows: Sequence[Values], columns: Sequence[str]) -> None:
    table = PersonRow.__table__
    here = (table.c.incident == bindparam("of_incident"), table.c.number == bindparam("of_number"))
    names = {"of_incident": "incident", "of_number": "number", **{f"new_{name}": name for name in columns}}
    statement = update(table).where(*here).values({name: bindparam(f"new_{name}") for name in columns})
    connection.execute(statement, [{new: row[name] for new, name in names.items()} for row in rows])


def _find_guardians_anew(session: Session, incident: str, guardians: Sequence[int]) -> Sequence[int]:
    """Take these guardians from their children, and find guardians for all children without one.

    Return the children who got a guardian.
    """
    connection = session.connection()
    alone = {"guardian": 0, "hold": Hold.MINOR_WITHOUT_GUARDIAN.value}
    theirs = (*_children_of(connection, incident, guardians), col(PersonRow.gone_at).is_(None))
    session.execute(update(PersonRow).where(*theirs).values(**alone))
    return find_guardians(session, incident)


# Notices that go on.


def _somebody_is_left(session: Session, draft: Draft) -> bool:
    here = (draft.incident, draft.notice)
    return not_told(session, *here, draft.audience) > 0 or waits_for_somebody(session, *here)


def _telling_steps(session: Session, incident: str) -> frozenset[str]:
    """Return the steps that tell people for the first time; people found later must get their notices too.

    A closing report is none of them: whoever is found after it reads all that it says in the first notice.
    """
    pin = pin_row(session, incident)
    steps = Playbook.model_validate(pin.playbook).steps if pin else ()
    return frozenset(step.id for step in steps if step.phase is Phase.NOTIFY and step.of != Event.RESOLVED)
