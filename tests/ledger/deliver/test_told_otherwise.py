"""Who was told otherwise: what the tally, the texts and few messages say is what one would find message by message."""

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, update
from sqlmodel import Session, col, select

from amends.domain.channel.channel import ChannelKind
from amends.domain.incident.facts import Cause, DataCategory, Vector
from amends.domain.incident.incident import Incident, StatementKey
from amends.domain.notice.notice import PERSON_STATE, DeliveryState
from amends.domain.notice.statement import Statement, in_order, stated_by
from amends.domain.notice.told import COUNTS_AS_TOLD, told_otherwise
from amends.ledger import Ledger
from amends.ledger.deliver.told import SentTexts, keys_told_otherwise, people_told_otherwise
from amends.ledger.tables.deliver import DeliveryRow
from amends.ledger.tables.notice import ReleaseRow
from amends.ledger.tables.people import ElementSetRow, PersonRow
from tests.builders import NOW, a_draft, a_person, a_variant, an_incident
from tests.delivery.sending import INCIDENT
from tests.ledger.deliver.test_at_scale import statements

EMAIL, SMS = ChannelKind.EMAIL, ChannelKind.SMS
PEOPLE = 4
CAUSE, VECTOR, ELEMENTS = StatementKey.CAUSE, StatementKey.VECTOR, StatementKey.ELEMENTS
OWN = ("contact", "contact|health")
GENERIC = "contact"
SAID = (
    ("a", {CAUSE: Cause.INSIDER, VECTOR: Vector.PHISHING}),
    ("a", {CAUSE: Cause.THEFT}),
    ("b", {ELEMENTS: ""}),
    ("c", {CAUSE: Cause.THEFT, VECTOR: Vector.PHISHING}),
    ("c", {CAUSE: Cause.INSIDER, VECTOR: Vector.RANSOMWARE}),
    ("d", {VECTOR: Vector.RANSOMWARE}),
)
"""The versions of the notices, in the order of time, with what each states; emails also state their reader's data, or that none was affected."""
TEXTS = [(notice, [one for one, _ in SAID[:place]].count(notice) + 1) for place, (notice, _) in enumerate(SAID)]


class Message(NamedTuple):
    person: int
    text: tuple[str, int]
    channel: ChannelKind
    state: DeliveryState
    elements: int


class Now(NamedTuple):
    """What is known, whose data a corrected list has changed, and who is gone from it."""

    cause: Cause
    vector: Vector
    corrected: frozenset[int]
    gone: frozenset[int]


people = st.integers(1, PEOPLE)
messages = st.lists(
    st.builds(
        Message,
        people,
        st.sampled_from(TEXTS),
        st.sampled_from([EMAIL, SMS]),
        st.sampled_from(
            [DeliveryState.SENT] * 4 + [DeliveryState.UNCERTAIN, DeliveryState.BOUNCED, DeliveryState.HELD]
        ),
        st.integers(0, 1),
    ),
    unique_by=lambda one: (one.person, one.text[0], one.channel),
    max_size=12,
)
nows = st.builds(
    Now,
    st.sampled_from([Cause.INSIDER, Cause.THEFT]),
    st.sampled_from([Vector.PHISHING, Vector.RANSOMWARE]),
    st.frozensets(people, max_size=2),
    st.frozensets(people, max_size=1),
)
SETTINGS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def told(ledger: Ledger) -> Ledger:
    """Released notices, of which no messages are stored yet."""
    people = [a_person(number=number, data=(DataCategory.CONTACT,)) for number in range(1, PEOPLE + 1)]
    ledger.incidents.open(an_incident(), people, "lena", NOW)
    for hours, ((notice, said), text) in enumerate(zip(SAID, TEXTS, strict=True)):
        at = NOW + timedelta(hours=hours)
        values = {ELEMENTS: GENERIC, **said}
        stated = tuple(Statement(key=key, value=value) for key, value in values.items())
        states = tuple(one.key for one in stated)
        variants = (a_variant(states=states), a_variant(channel=SMS, states=states[1:]))
        assert (
            ledger.notices.draft(a_draft(notice=notice, variants=variants, statements=stated, dated=at), at) == text[1]
        )
        with ledger.store.write() as write:
            named = {"incident": INCIDENT, "notice": notice, "version": text[1]}
            write.session.add(ReleaseRow(**named, binding="", prepared=PEOPLE, at=at))
    return ledger


def known(now: Now) -> Incident:
    file = an_incident()
    facts = {"cause": file.facts.cause.model_copy(update={"value": now.cause})}
    facts |= {"vector": file.facts.vector.model_copy(update={"value": now.vector})}
    return file.model_copy(update={"facts": file.facts.model_copy(update=facts)})


def put(session: Session, sent: Sequence[Message], now: Now) -> None:
    session.execute(delete(DeliveryRow))
    sets = {data: _set(session, data) for data in OWN}
    for one in sent:
        said = {"incident": INCIDENT, "notice": one.text[0], "version": one.text[1], "variant": "en/self"}
        here = {"person": one.person, "channel": one.channel.value, "address_index": b"", "state": one.state.value}
        rest = {"provider_id": "", "attempts": 1, "updated_at": NOW, "elements": sets[OWN[one.elements]]}
        session.add(DeliveryRow(**said, **here, **rest))
        session.flush()
    for number in range(1, PEOPLE + 1):
        listed = OWN[number in now.corrected]
        changed = any(one.person == number and OWN[one.elements] != listed for one in sent)
        row = {
            "data": listed,
            "data_changed_at": NOW if changed else None,
            "gone_at": NOW if number in now.gone else None,
        }
        session.execute(update(PersonRow).where(col(PersonRow.number) == number).values(row))


def _set(session: Session, data: str) -> int:
    row = session.exec(select(ElementSetRow).where(ElementSetRow.elements == data)).first()
    row = row or ElementSetRow(incident=INCIDENT, elements=data, country="", region="")
    session.add(row)
    session.flush()
    return row.id or 0


def one_by_one(ledger: Ledger, session: Session, file: Incident) -> dict[int, dict[str, Statement]]:
    """Who was told otherwise, from each person's own messages."""
    texts, found = SentTexts(session, ledger.notices, INCIDENT, file.default_locale), {}
    for person in session.exec(select(PersonRow).where(col(PersonRow.gone_at).is_(None))).all():
        rows = session.exec(
            select(DeliveryRow).where(DeliveryRow.person == person.number).order_by(col(DeliveryRow.id))
        )
        heard = [
            texts.saying(row.notice, row.version, row.channel, row.variant, row.elements or 0, False)
            for row in rows
            if PERSON_STATE[DeliveryState(row.state)] in COUNTS_AS_TOLD
        ]
        own = Statement(key=ELEMENTS, value=in_order(person.data))
        if wrong := told_otherwise(heard, stated_by(file, PEOPLE) | {ELEMENTS: own}):
            found[person.number] = wrong
    return found


@SETTINGS
@given(messages, nows)
def test_they_are_those_whose_last_messages_are_wrong(told: Ledger, sent: list[Message], now: Now) -> None:
    with told.store.write() as write:
        put(write.session, sent, now)
    file = known(now)
    with told.store.read() as session:
        expected = one_by_one(told, session, file)
        assert dict(people_told_otherwise(session, told.notices, file, PEOPLE)) == expected
        keys = keys_told_otherwise(session, told.notices, file, PEOPLE)
    assert keys == frozenset[str]().union(*expected.values())


def test_no_message_to_people_is_read_when_no_text_is_wrong(told: Ledger) -> None:
    sent = [Message(number, TEXTS[1], EMAIL, DeliveryState.SENT, 0) for number in range(1, PEOPLE + 1)]
    now = Now(Cause.THEFT, Vector.PHISHING, frozenset(), frozenset())
    with told.store.write() as write:
        put(write.session, sent, now)
    with told.store.read() as session, statements(told) as executed:
        assert dict(people_told_otherwise(session, told.notices, known(now), PEOPLE)) == {}
    assert executed
    assert not [one for one, _ in executed if "FROM delivery" in one]
