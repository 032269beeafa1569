"""The duties of an incident: the table that lawyers keep, applied to the facts, the people's homes and the times.

An unknown fact never removes a duty: the duty stays as one that may apply, with the question that would settle it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from amends.domain.incident.incident import Incident, Ruling
from amends.domain.law.addendum import Addenda
from amends.domain.law.clock import ClockTimes, IsEstimated
from amends.domain.law.condition import Circumstances, PeopleRange, Truth, Verdict, binds, judge, not_yet, to_be_judged
from amends.domain.law.duty import Addressee, Duty, DutyStanding, Exemption, SetAside
from amends.domain.law.jurisdiction import Homes, RegimeReach
from amends.domain.law.regime import Condition, DutyRow, DutyTable, ExemptionRow, Regime
from amends.domain.law.term import WorksOn
from amends.domain.people.person import AudienceCounts, Flag
from amends.domain.risk.levels import Risk

SHOWN_PLACES = 5
"""The most places that a text names; further places are counted."""


@dataclass(frozen=True)
class Law:
    """The rules from which the duties of any incident are worked out."""

    table: DutyTable
    works_on: WorksOn
    is_estimated: IsEstimated = lambda *_: False
    addenda: Addenda = field(default_factory=Addenda)


@dataclass(frozen=True)
class Ruled:
    """The duties that stand, the duties that were set aside, and the questions to be answered."""

    duties: tuple[Duty, ...]
    set_aside: tuple[SetAside, ...]
    questions: tuple[str, ...]


def duties_of(
    incident: Incident, audience: AudienceCounts, risk: Risk, people: PeopleRange, law: Law, now: datetime
) -> Ruled:
    """Return every duty of this incident as known now.

    `people` is the number of people affected. An id ends with @PLACE when each place has a duty of its own. The duty
    that is due earliest to each recipient is marked as first.
    """
    return _TableReading(incident, audience, risk, people, law, now).ruled()


class _TableReading:
    """One reading of the table of duties, for one incident at one time."""

    def __init__(
        self, incident: Incident, audience: AudienceCounts, risk: Risk, people: PeopleRange, law: Law, now: datetime
    ) -> None:
        self._incident, self._risk, self._people = incident, risk, people
        self._law, self._table = law, law.table
        self._homes = Homes(audience.by_place, incident.organisation, law.table, people, incident.residences)
        self._minors = max(audience.guardians, audience.by_flag.get(Flag.MINOR, 0))
        self._now = now
        self._clocks = ClockTimes(incident, law.table.clock_events, law.works_on, now)

    def ruled(self) -> Ruled:
        standing: list[Duty] = []
        set_aside: list[SetAside] = []
        questions: dict[str, None] = {}
        for reach, row in self._rows():
            found = self._duty(reach, row)
            if isinstance(found, SetAside):
                set_aside.append(found)
            else:
                standing.append(found)
                questions.update(dict.fromkeys((*self._clocks.questions(row), *_questions(found))))
        questions.update(dict.fromkeys(self._unused_rulings(standing, set_aside)))
        duties = tuple(sorted(_first_marked(tuple(standing)), key=lambda duty: duty.pressure))
        return Ruled(_with_waiting(duties, _rows_that_wait(self._table)), tuple(set_aside), tuple(questions))

    def _rows(self) -> Iterator[tuple[RegimeReach, DutyRow]]:
        for reach in self._homes.reaches():
            for row in reach.regime.duties:
                for narrowed in self._homes.for_row(reach, row):
                    yield narrowed, row

    def _unused_rulings(self, standing: list[Duty], set_aside: list[SetAside]) -> Iterator[str]:
        known = {duty.id for duty in standing} | {one.id for one in set_aside}
        known |= {name.split("@")[0] for name in known}
        for name in self._incident.rulings:
            if name not in known:
                yield f"The ruling on {name} meets no duty here: which one does it mean?"

    def _duty(self, reach: RegimeReach, row: DutyRow) -> Duty | SetAside:
        name = f"{reach.regime.id}.{row.id}"
        ruling = self._incident.rulings.get(name + reach.suffix) or self._incident.rulings.get(name)
        verdict = _decided(ruling) if ruling else self._verdict(reach, row)
        if verdict.answer is Truth.NO:
            return SetAside(id=name + reach.suffix, places=reach.places, why="; ".join(verdict.because))
        return self._standing(reach, row, name + reach.suffix, verdict, exempt=ruling is None)

    def _verdict(self, reach: RegimeReach, row: DutyRow) -> Verdict:
        circumstances = self._circumstances(reach)
        answers = [
            binds(reach.regime, self._incident.organisation),
            judge(reach.regime.when, circumstances),
            judge(row.when, circumstances),
        ]
        if reach.regime.binds_from:
            answers.extend(not_yet(reach.regime.binds_from, self._started(reach.regime, row)))
        if reach.residents.least == 0 and reach.residents.possible and self._homes:
            answers.append(Verdict(Truth.MAYBE, (f"nobody knows how many live in {self._named(reach.places)}",)))
        if reach.regime.stands_for:
            answers.append(Verdict(Truth.MAYBE, ("nobody has looked up the law there",)))
        if row.ask:
            answers.append(to_be_judged(row.ask))
        return Verdict.all_of(answers)

    def _started(self, regime: Regime, row: DutyRow) -> date:
        """Return the day, in the law's own time zone, on which the duty's clock started; today while nobody knows."""
        at = self._clocks.recorded(row.of) or self._now
        return at.astimezone(ZoneInfo(regime.timezone or self._incident.organisation.timezone)).date()

    def _circumstances(self, reach: RegimeReach) -> Circumstances:
        most, country = self._people.most, reach.places[0][:2]
        least = self._homes.people or self._people.least
        return Circumstances(
            facts=self._incident.facts,
            organisation=self._incident.organisation,
            risk=self._risk,
            people=PeopleRange(least if most is None else min(least, most), most),
            residents=reach.residents if self._homes.people else PeopleRange(0, most),
            largest_state=self._homes.largest_state(country),
            states={self._named((state,)): there for state, there in self._homes.states(country).items()},
            minors=self._minors,
        )

    def _standing(self, reach: RegimeReach, row: DutyRow, identity: str, verdict: Verdict, *, exempt: bool) -> Duty:
        """Return the duty with all that is known of it; `exempt` is True when an exemption may be claimed at all."""
        regime, recipient = reach.regime, self._table.recipients[row.recipient]
        exemptions = tuple(self._exemption(reach, one) for one in regime.exemptions if _spares(one, row))
        claimed = exempt and any(exemption.claimed for exemption in exemptions)
        place = reach.seat or (reach.places[0] if len(reach.places) == 1 else "")
        return Duty(
            id=identity,
            recipient_name=recipient.named(place, self._named(self._states_meant(reach, row) or reach.places)),
            contact=recipient.reached_by(place),
            addressee=recipient.addressee,
            places=reach.places,
            people=self._living_there(reach),
            standing=_stands(regime, verdict, claimed=claimed),
            why=self._why(reach, verdict),
            asks=verdict.asks,
            leaves_out=_left_out(regime) if recipient.addressee is Addressee.PEOPLE else (),
            exemptions=exemptions,
            lawyer_needed=(
                *_for_the_lawyer(regime, verdict, claimed=claimed),
                *self._uncertain_holidays(reach, row),
                *self._old(regime),
            ),
            note="; ".join(filter(None, (_note(regime, row), self._also_concerned(reach, row)))),
            **self._timing(reach, row),
            **_as_written(regime, row, recipient.addressee),
        )

    def _states_meant(self, reach: RegimeReach, row: DutyRow) -> tuple[str, ...]:
        """Return the states that surely have as many people as the duty asks of one state; empty for other duties."""
        if row.when is None or (over := _one_state_over(row.when)) is None:
            return ()
        states = self._homes.states(reach.places[0][:2])
        return tuple(state for state, there in states.items() if there.over(over) is Truth.YES)

    def _also_concerned(self, reach: RegimeReach, row: DutyRow) -> str:
        """Return who else is concerned when one authority leads; empty when nobody else is."""
        recipient, seat = self._table.recipients[row.recipient], reach.seat[:2]
        others = [place for place in reach.homes if place != seat]
        names = "; ".join(recipient.named(place, self._named((place,))) for place in others)
        return f"the authority there leads and informs the others concerned (not told by you): {names}" if names else ""

    def _old(self, regime: Regime) -> Iterator[str]:
        if regime.review_due <= self._now.date():
            yield f"nobody has held this row against the law since {regime.reviewed}"

    def _living_there(self, reach: RegimeReach) -> int | None:
        """Return how many people are known to live there, 0 when surely nobody does, or None when nobody can say."""
        return reach.residents.least or (None if reach.residents.possible or not self._homes else 0)

    def _timing(self, reach: RegimeReach, row: DutyRow) -> dict[str, object]:
        clocks, start = self._clocks, self._clocks.start(row.of)
        return {
            "due_at": clocks.due_at(reach.regime, row, reach.places[0]),
            "standard": _standard(row),
            "clock": row.of,
            "starts_at": start.at if row.within else clocks.recorded(row.of),
            "assumed": start.assumed if row.within else "",
            "waits": clocks.waits(row.of) and row.no_later_than is None,
        }

    def _uncertain_holidays(self, reach: RegimeReach, row: DutyRow) -> Iterator[str]:
        due_at = self._clocks.due_at(reach.regime, row, reach.places[0])
        counted = row.within and row.within.business_days
        if due_at and counted and self._law.is_estimated(reach.places[0], due_at.year):
            yield f"the public holidays of {self._named(reach.places)} in {due_at.year} are not certain yet"

    def _exemption(self, reach: RegimeReach, exemption: ExemptionRow) -> Exemption:
        if exemption.when is None:
            return Exemption(text=exemption.text)
        verdict = judge(exemption.when, self._circumstances(reach))
        claimed = verdict.answer is Truth.YES
        return Exemption(text=exemption.text, claimed=claimed, evidence=verdict.facts if claimed else ())

    def _why(self, reach: RegimeReach, verdict: Verdict) -> str:
        seat = self._incident.organisation.established_in
        homes = self._named(reach.homes or reach.places)
        live_there = f"{reach.residents} people live in {homes}" if self._homes and reach.residents.possible else ""
        here = {seat, seat and seat[:2]} & set(reach.places)
        seated = f"the organisation is established in {self._named((seat,))}" if seat and here else ""
        unsaid = "" if self._homes else "nobody has said where the people live"
        threshold = f"the law's threshold: {reach.regime.threshold}" if reach.regime.threshold else ""
        return "; ".join(filter(None, (live_there, seated, unsaid, *verdict.because, threshold)))

    def _named(self, places: tuple[str, ...]) -> str:
        names = self._table.place_names
        shown = [names.get(place, place) or "a country nobody has named" for place in places[:SHOWN_PLACES]]
        more = len(places) - SHOWN_PLACES
        return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def _decided(ruling: Ruling) -> Verdict:
    """Return a lawyer's ruling as a verdict; a ruling also overrides an exemption that the facts seem to meet."""
    answer = Truth.YES if ruling.applies else Truth.NO
    return Verdict(answer, (f"{ruling.by} decided: {ruling.reason}",))


def _stands(regime: Regime, verdict: Verdict, *, claimed: bool) -> DutyStanding:
    if claimed:
        return DutyStanding.EXEMPT
    if regime.recommended:
        return DutyStanding.RECOMMENDED
    return DutyStanding.APPLIES if verdict.answer is Truth.YES else DutyStanding.MAY_APPLY


def _one_state_over(condition: Condition) -> int | None:
    """Return the number of people that a state must exceed; None for a condition that does not count by state."""
    least = condition.one_state_at_least
    return least - 1 if least is not None else condition.one_state_over


def _note(regime: Regime, row: DutyRow) -> str:
    in_force = f"in force: {regime.in_force}" if regime.in_force else ""
    return "; ".join(filter(None, (row.note, regime.note, in_force)))


def _as_written(regime: Regime, row: DutyRow, addressee: Addressee) -> dict[str, object]:
    """Return the fields of a duty that come from the table, whatever the incident."""
    return {
        "regime": regime.id,
        "law": regime.law,
        "citation": regime.citation,
        "recipient": row.recipient,
        "content": row.content,
        "must_not": tuple(one.text for one in regime.must_not if addressee.written_to or not one.notices_only),
        "channels": row.channels,
        "channels_in_words": row.channels_in_words,
        "filed_by": row.filed_by,
        "substitute": row.substitute,
        "phased": row.phased,
        "sets": row.sets,
        "delay_allowed": regime.delay_allowed,
        "format_rules": regime.format_rules if addressee.written_to else (),
        "remedy": regime.remedy,
        "records": regime.records,
        "confidence": regime.confidence,
        "confidence_note": regime.confidence_note,
        "source": regime.source,
    }


def _left_out(regime: Regime) -> tuple[str, ...]:
    return tuple(forbidden.item for forbidden in regime.must_not if forbidden.item)


def _spares(exemption: ExemptionRow, row: DutyRow) -> bool:
    return not exemption.spares or row.id in exemption.spares


def _standard(row: DutyRow) -> str:
    number = f"within {row.within}" if row.within else ""
    cap = row.no_later_than
    limit = f"and no later than {cap.within} after {cap.of.replace('_', ' ')}" if cap else ""
    return "; ".join(filter(None, (f"{number} {limit}".strip(), row.standard, row.extension)))


def _questions(duty: Duty) -> tuple[str, ...]:
    if duty.standing is not DutyStanding.MAY_APPLY:
        return ()
    return tuple(f"{duty.law}: is it so that {ask}?" for ask in duty.asks)


def _for_the_lawyer(regime: Regime, verdict: Verdict, *, claimed: bool) -> Iterator[str]:
    if regime.stands_for:
        yield f"this row only stands in for {regime.stands_for}"
    if not regime.confidence.verified:
        yield "nobody has checked this row against the law"
    yield from (f"a person must judge: {ask}" for ask in verdict.asks)
    if claimed:
        yield "an exemption is claimed; it must be agreed to"
    yield from regime.lawyer_check


def _first_marked(duties: tuple[Duty, ...]) -> tuple[Duty, ...]:
    """Mark each duty as first when none to the same recipient is due earlier; people in one place are one recipient."""
    earliest: dict[tuple[str, str], tuple[int, datetime]] = {}
    for duty in duties:
        for key in _recipients(duty):
            if duty.standing is not DutyStanding.RECOMMENDED:
                earliest[key] = min(earliest.get(key, duty.pressure), duty.pressure)
    return tuple(duty.model_copy(update={"first": _is_first(duty, earliest)}) for duty in duties)


def _is_first(duty: Duty, earliest: dict[tuple[str, str], tuple[int, datetime]]) -> bool:
    binding = duty.standing is not DutyStanding.RECOMMENDED
    return binding and any(duty.pressure == earliest[key] for key in _recipients(duty))


def _recipients(duty: Duty) -> Iterator[tuple[str, str]]:
    name = "people" if duty.addressee is Addressee.PEOPLE else duty.recipient
    return ((name, place) for place in duty.places)


def _rows_that_wait(table: DutyTable) -> dict[str, tuple[str, ...]]:
    """Return for each regime.duty the rows that must wait for the row; `people` stands for all duties to people."""
    return {
        f"{regime.id}.{row.id}": tuple(
            one if "." in one or one == "people" else f"{regime.id}.{one}" for one in row.before
        )
        for regime in table.all_regimes()
        for row in regime.duties
        if row.before
    }


def _with_waiting(duties: tuple[Duty, ...], before: dict[str, tuple[str, ...]]) -> tuple[Duty, ...]:
    """Return the duties, each with the ids of those among them that must wait for this duty."""
    return tuple(
        duty.model_copy(update={"before": tuple(_waiting(duty, before[_row_of(duty)], duties))})
        if _row_of(duty) in before
        else duty
        for duty in duties
    )


def _row_of(duty: Duty) -> str:
    return duty.id.split("@")[0]


def _waiting(first: Duty, names: tuple[str, ...], duties: tuple[Duty, ...]) -> Iterator[str]:
    """Yield the ids of duties that must wait: of the named rows in the same place; for `people`, of all to people."""
    for duty in duties:
        elsewhere = "@" in first.id and "@" in duty.id and first.places != duty.places
        named = _row_of(duty) in names and not elsewhere
        if named or ("people" in names and duty.addressee is Addressee.PEOPLE):
            yield duty.id
