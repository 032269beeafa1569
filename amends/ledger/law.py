"""Filings and substitute notices in the ledger: record and read what was done for the duties of an incident."""

from datetime import datetime

from sqlmodel import Session, col, select

from amends.domain.assess.assessment import Assessment
from amends.domain.base.errors import NotAllowed, NotInLedger
from amends.domain.base.text import minute
from amends.domain.base.url import is_on_the_web
from amends.domain.case.filings import no_such_duty
from amends.domain.incident.incident import Times
from amends.domain.law.duty import Addressee, Duty, SetAside
from amends.domain.law.filing import Filing, Part, standing_filings
from amends.domain.law.substitute import SubstituteNotice
from amends.ledger.incident.incidents import version_row
from amends.ledger.store.cache import Memory
from amends.ledger.store.session import Store, Transaction
from amends.ledger.tables.playbook import AssessmentRow, FilingRow, SubstituteRow


class Filings:
    """The filings of the incidents, each with its receipt, and the substitute notices that were given."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self, incident: str) -> tuple[Filing, ...]:
        """Return all filings of the incident, in the order in which they were recorded."""
        with self._store.read() as session:
            return filings_of(session, incident)

    def substitutes(self, incident: str) -> tuple[SubstituteNotice, ...]:
        """Return the substitute notices that were recorded for the incident, the first one first."""
        with self._store.read() as session:
            return substitutes_of(session, incident)

    def record(
        self,
        incident: str,
        duty_id: str,
        filed_at: datetime,
        member: str,
        receipt: str,
        note: str,
        now: datetime,
        *,
        part: Part | None = None,
        corrects: int = 0,
    ) -> Filing:
        """Record a filing for a duty, and return it; by default the first part is initial, a later one a supplement.

        The same filing again changes nothing, and the recorded one is returned. Raises NotInLedger for an unknown duty
        or filing; NotAllowed without a receipt, for an impossible time, and without a note of how people were told.
        """
        said = {"filed_at": filed_at, "by": member, "receipt": receipt.strip(), "note": note.strip()}
        filing = Filing(number=1, duty=duty_id, corrects=corrects, recorded_at=now, **said)
        _refuse_without_receipt(filing)
        with self._store.write() as write:
            _refuse_impossible(_times(write, incident), filed_at, now)
            owed = _owed(write.session, incident, duty_id, self._store.cache)
            _refuse_people_without_note(owed, filing)
            known = filings_of(write.session, incident)
            placed = _placed(known, filing, owed, part)
            return _found(known, placed, part) or _stored(write, incident, known, placed)

    def give_substitute(
        self, incident: str, duty_id: str, member: str, now: datetime, *, url: str = "", note: str = ""
    ) -> SubstituteNotice:
        """Record that a substitute notice was given for a duty, and return it.

        Raises NotInLedger for an unknown duty; NotAllowed unless there is either a whole URL on the web or a note, and
        when one is recorded for the duty already. The caller has checked that the duty knows a substitute notice.
        """
        given = SubstituteNotice(duty=duty_id, url=url.strip(), note=note.strip(), by=member, at=now)
        _refuse_unclear(given)
        with self._store.write() as write:
            write.incident(incident)
            _owed(write.session, incident, duty_id, self._store.cache)
            if before := write.session.get(SubstituteRow, (incident, duty_id)):
                raise NotAllowed(
                    f"a substitute notice for {duty_id} was recorded at {minute(before.at)} by {before.by}: "
                    f"{before.url or before.note}; `amends duty show {incident} {duty_id}`"
                )
            write.session.add(SubstituteRow(incident=incident, **given.model_dump()))
            write.note(now, incident, "substitute notice given", duty_id, actor=member, url=given.url, note=given.note)
            return given


def filings_of(session: Session, incident: str) -> tuple[Filing, ...]:
    """Return the incident's filings, in the order in which they were recorded."""
    query = select(FilingRow).where(FilingRow.incident == incident).order_by(col(FilingRow.number))
    return tuple(row.as_value(Filing) for row in session.exec(query))


def substitutes_of(session: Session, incident: str) -> tuple[SubstituteNotice, ...]:
    """Return the substitute notices that were recorded, the first one first."""
    query = select(SubstituteRow).where(SubstituteRow.incident == incident)
    rows = session.exec(query.order_by(col(SubstituteRow.at), col(SubstituteRow.duty)))
    return tuple(row.as_value(SubstituteNotice) for row in rows)


def latest_assessment(session: Session, incident: str, memory: Memory) -> Assessment | None:
    """Return the latest assessment, or None without one; cached, because a stored assessment never changes.

    The time is a part of the cache's key: after a restore from a backup, another assessment may have the same version.
    """
    versions = select(AssessmentRow.version, AssessmentRow.at).where(AssessmentRow.incident == incident)
    latest = session.exec(versions.order_by(col(AssessmentRow.version).desc()).limit(1)).first()
    if latest is None:
        return None
    return memory.get(("assessment", incident, *latest), lambda: _assessment(session, incident, latest[0]))


def _assessment(session: Session, incident: str, version: int) -> Assessment:
    row = session.get_one(AssessmentRow, (incident, version))
    return Assessment.model_validate(row.content)


def _times(write: Transaction, incident: str) -> Times:
    row = write.incident(incident)
    return Times.model_validate(version_row(write.session, incident, row.version).content["times"])


def _refuse_without_receipt(filing: Filing) -> None:
    if not filing.receipt:
        raise NotAllowed(f"{filing.duty} needs a receipt: the authority's reference, or what shows that it was filed")


def _refuse_unclear(given: SubstituteNotice) -> None:
    if bool(given.url) == bool(given.note):
        raise NotAllowed("say either with --url where the substitute notice stands, or with --note how it was given")
    if given.url and not is_on_the_web(given.url):
        raise NotAllowed(f"--url {given.url!r} is no whole web address, such as https://example.org/notice")


def _refuse_people_without_note(owed: Duty | SetAside, filing: Filing) -> None:
    """Raise NotAllowed for a duty to people without a note of how they were told.

    People whom Amends tells count by themselves, so such a filing records messages outside Amends.
    """
    if isinstance(owed, Duty) and owed.addressee is Addressee.PEOPLE and not filing.note:
        raise NotAllowed(
            f"{filing.duty} is owed to people: those to whom Amends writes count by themselves; if they were told "
            "outside Amends, say how with --note, such as “by post, to all of them”"
        )


def _refuse_impossible(times: Times, filed_at: datetime, now: datetime) -> None:
    if filed_at > now:
        raise NotAllowed(f"{filed_at:%Y-%m-%d %H:%M %Z} has not come yet; record it once it is filed")
    began = times.occurred.start or min(times.events.values(), default=None)
    if began and filed_at < began:
        raise NotAllowed(f"it cannot be filed before anything happened ({minute(began)}); look at the date")


def _refuse_uncorrectable(known: tuple[Filing, ...], incident: str, filing: Filing) -> None:
    """Raise NotInLedger for a correction of a filing that does not stand, or is for another duty."""
    standing = {
        standing_filing.number for standing_filing in standing_filings(known) if standing_filing.duty == filing.duty
    }
    if filing.corrects and filing.corrects not in standing:
        what = f"no filing {filing.corrects} for {filing.duty} stands in incident {incident}"
        raise NotInLedger(f"{what}; `amends duty show {incident} {filing.duty}`")


def _next_part(known: tuple[Filing, ...], duty_id: str, corrects: int) -> Part:
    """Return the part of the next filing: of a correction, the corrected part; else initial, then supplement."""
    corrected = next((filing.part for filing in known if filing.number == corrects), None)
    if corrected:
        return corrected
    filed = any(filing.duty == duty_id for filing in standing_filings(known))
    return Part.SUPPLEMENT if filed else Part.INITIAL


def _placed(known: tuple[Filing, ...], filing: Filing, owed: Duty | SetAside, part: Part | None) -> Filing:
    """Return the filing with its number in the incident, its part, and the clock event that it starts."""
    sets = owed.sets if isinstance(owed, Duty) else ""
    number, part = len(known) + 1, part or _next_part(known, filing.duty, filing.corrects)
    return filing.model_copy(update={"number": number, "part": part, "sets": sets})


def _owed(session: Session, incident: str, duty_id: str, memory: Memory) -> Duty | SetAside:
    """Return the duty from the latest assessment. Raises NotInLedger for a duty that was not assessed."""
    assessment = latest_assessment(session, incident, memory)
    if assessment is None:
        raise NotInLedger(f"incident {incident} is not assessed yet, so its duties are not known")
    looked_at: dict[str, Duty | SetAside] = {aside.id: aside for aside in assessment.set_aside}
    looked_at |= {duty.id: duty for duty in assessment.duties}
    if duty_id in looked_at:
        return looked_at[duty_id]
    raise NotInLedger(no_such_duty(incident, duty_id, looked_at))


def _found(known: tuple[Filing, ...], filing: Filing, part: Part | None) -> Filing | None:
    """Return the same filing that stands already, or None; parts are compared only when the caller named one."""

    def essence(one: Filing) -> tuple[object, ...]:
        return one.duty, one.filed_at, one.receipt, one.corrects, one.part if part else None

    return next(
        (standing_filing for standing_filing in standing_filings(known) if essence(standing_filing) == essence(filing)),
        None,
    )


def _stored(write: Transaction, incident: str, known: tuple[Filing, ...], filing: Filing) -> Filing:
    """Store the filing and return it. Raises NotInLedger for a correction of a filing that does not stand."""
    _refuse_uncorrectable(known, incident, filing)
    write.session.add(FilingRow(incident=incident, **filing.model_dump()))
    write.note(
        filing.recorded_at,
        incident,
        "filing corrected" if filing.corrects else "filed",
        filing.duty,
        actor=filing.by,
        number=filing.number,
        part=filing.part,
        filed_at=filing.filed_at.isoformat(),
        receipt=filing.receipt,
        corrects=filing.corrects,
    )
    return filing
