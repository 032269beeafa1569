"""What a preview foretells is what a release then does."""

from amends.domain.channel.channel import ChannelKind
from amends.domain.notice.notice import Draft, PersonState
from amends.domain.people.person import Flag, Person
from amends.domain.team.approval import Decision
from amends.domain.team.member import TeamRole
from amends.ledger import Ledger
from tests.builders import NOW, a_draft, a_member, a_person, a_playbook, a_wording, an_incident
from tests.delivery.sending import looked_over, variants_for

INCIDENT = "november-breach"


def people() -> list[Person]:
    return [
        a_person(number=1),
        a_person(number=2, email=""),
        a_person(number=3, email="", phone=""),
        a_person(number=4, flags=frozenset({Flag.MINOR})),
        a_person(number=5, guardian_of="C-00004", data=()),
        a_person(number=6, flags=frozenset({Flag.DECEASED})),
    ]


def drafted(ledger: Ledger) -> Draft:
    ledger.incidents.open(an_incident(), people(), "lena", NOW)
    ledger.playbooks.pin(INCIDENT, a_playbook(), a_wording(), "lena", NOW)
    audience, pinned = ledger.notices.audience(INCIDENT, "everyone"), ledger.cases.read(INCIDENT).pinned
    draft = a_draft(
        audience_digest=audience.digest,
        people=audience.people,
        facts_digest=ledger.incidents.facts_digest(INCIDENT),
        pinned=pinned,
        variants=variants_for(audience.readers),
    )
    ledger.notices.draft(draft, NOW)
    return draft


def released(ledger: Ledger) -> Draft:
    draft = drafted(ledger)
    looked_over(ledger, draft)
    for name in ("omar", "wei"):
        ledger.team.add(name, TeamRole.LEGAL, "lena", NOW)
        ledger.approvals.decide(INCIDENT, draft.notice, a_member(name=name), Decision.APPROVE, draft.binding, "", NOW)
    ledger.notices.release(INCIDENT, draft.notice, NOW)
    return draft


def test_everybody_is_counted_once(ledger: Ledger) -> None:
    assert sum(ledger.previews.expected(drafted(ledger)).people.values()) == len(people())


def test_what_is_expected_is_what_a_release_stores(ledger: Ledger) -> None:
    draft = released(ledger)
    status = ledger.cases.read(INCIDENT).notice(draft.notice)
    assert status
    assert ledger.previews.expected(draft).people == status.people


def test_everybodys_message_is_stored_as_it_was_put_together_before(ledger: Ledger) -> None:
    """The one is made by the database for whole kinds of people, the other for each person."""
    draft = released(ledger)
    foreseen = {
        (claim.key, claim.text.locale, claim.text.reader, claim.to) for claim in ledger.previews.first_claims(draft)
    }
    claims = ledger.deliveries.claim(INCIDENT, draft.notice, [ChannelKind.EMAIL, ChannelKind.SMS], 100, NOW)
    assert {(claim.key, claim.text.locale, claim.text.reader, claim.to) for claim in claims} == foreseen


def test_a_child_is_expected_to_be_told_through_the_guardian(ledger: Ledger) -> None:
    assert ledger.previews.expected(drafted(ledger)).people[PersonState.WAITING] == 3


def test_samples_are_of_people_who_will_be_written_to(ledger: Ledger) -> None:
    claims = ledger.previews.samples(drafted(ledger), 50)
    assert {claim.about.number for claim in claims if claim.about} == {1, 2, 4}


def test_a_sample_about_a_child_goes_to_the_guardian(ledger: Ledger) -> None:
    claims = ledger.previews.samples(drafted(ledger), 50)
    told = {claim.to.number for claim in claims if claim.to and claim.about and claim.about.number == 4}
    assert told == {5}


def test_no_more_people_are_sampled_than_asked_for(ledger: Ledger) -> None:
    claims = ledger.previews.samples(drafted(ledger), 1)
    assert len({claim.about.number for claim in claims if claim.about}) == 1


def test_samples_change_nothing(ledger: Ledger) -> None:
    ledger.previews.samples(drafted(ledger), 50)
    assert ledger.cases.read(INCIDENT).notices[0].people == {}


def test_sampled_messages_come_on_each_personal_channel(ledger: Ledger) -> None:
    claims = ledger.previews.samples(drafted(ledger), 50)
    assert {c.channel for c in claims if c.about and c.about.number == 1} == {ChannelKind.EMAIL, ChannelKind.SMS}
