"""After weeks of a case, the dossiers of all people together are what left, word for word."""

import json
from collections import Counter
from datetime import timedelta
from pathlib import Path

from amends.delivery.dossier import with_words
from amends.domain.case.dossier import MASK, Dossier
from amends.domain.draft.writer import Links
from amends.domain.incident.facts import Cause, DataCategory
from amends.domain.plan.plan import plan
from flows.follow_up import follow_up
from tests.commitments import keep
from tests.flows.story.test_corrections import FEW, Told, told
from tests.story import INCIDENT, LEAD, START, approve_all, outbox

__all__ = ["told"]
Words = Counter[tuple[str, str, str]]


def dossier(told: Told, number: int) -> Dossier:
    record = told.ledger.dossiers.read(INCIDENT, number, told.clock.now)
    return with_words(record, Links("http://127.0.0.1:8400"))


def shown(dossiers: list[Dossier]) -> Words:
    """Channel, subject and text of every message in the dossiers."""
    return Counter(
        (message.channel, message.subject, message.text)
        for each in dossiers
        for message in each.messages
        if message.text
    )


def left(told: Told, folder: Path, numbers: list[int]) -> Words:
    """The same of every message that left, the secrets of these people's links masked."""
    words: Words = Counter()
    for path in outbox(folder):
        message = json.loads(path.read_text(encoding="utf-8"))
        if message["to"]:
            text = message["text"]
            for number in numbers:
                text = text.replace(told.ledger.people.link_of(INCIDENT, number), MASK)
            words[message["kind"], message["subject"], text] += 1
    return words


async def follow_up_due(told: Told) -> None:
    """People hear how commitments ended, in the occurrence that is due."""
    due = plan(told.ledger.cases.read(INCIDENT, told.clock.now), told.clock.now).due
    (number,) = [one.number for one in due if one.step == "promises"]
    await follow_up.fn(INCIDENT, "promises", number)
    approve_all(told.ledger, told.clock.now)
    await follow_up.fn(INCIDENT, "promises", number)


async def test_all_dossiers_together_are_what_left(told: Told, tmp_path: Path) -> None:
    """Facts change and are corrected, a list is corrected, a promise is kept, and somebody is found late."""
    told.amend(Cause.INSIDER)
    await told.tell("correction", told.correction)
    grown = told.people[1]._replace(data=(*told.people[1].data, DataCategory.COMMUNICATIONS_CONTENT))
    told.list_is([told.people[0], grown, *told.people[2 : FEW + 1]])
    await told.tell("first-notice")
    told.clock.now = START + timedelta(days=3)
    await told.tell("update")
    keep(told.ledger, INCIDENT, "audit", {"en": "It is done.", "zh-CN": "已完成。"}, LEAD.name, told.clock.now)
    told.clock.now += timedelta(days=1)
    await follow_up_due(told)
    numbers = [person.number for person in told.people[: FEW + 1]]
    dossiers = [dossier(told, number) for number in numbers]
    assert shown(dossiers) == left(told, tmp_path, numbers)
    assert {message.notice for message in dossiers[0].messages} >= {"first-notice", "correction-1", "update-1"}
    (corrected,) = [correction for correction in dossiers[0].corrections if correction.about == "cause"]
    assert (corrected.was, corrected.now, corrected.corrected_in) == ("theft", "insider", "correction-1")
    assert [correction for correction in dossiers[-1].corrections if correction.about == "cause"] == [], (
        "found late, told rightly"
    )
    kept = {promise.id: promise for promise in dossiers[0].promises}["audit"]
    assert (kept.fate, [one.notice for one in kept.told][-1]) == ("kept", "promise-kept-audit-1")
    assert kept.evidence in ("It is done.", "已完成。")
