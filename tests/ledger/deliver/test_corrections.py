"""A corrected list: what differs, what is stored, and what becomes of everybody's messages."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text

from amends.domain.base.errors import AlreadyInLedger, ApprovalMissing, NotAllowed, NotInLedger
from amends.domain.case.states import OccurrenceState
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Receipt, ReceiptCause, Status
from amends.domain.deliver.cascade import STRIKES
from amends.domain.deliver.correction import Ask, Difference, DifferenceKind
from amends.domain.notice.notice import DeliveryState, NoticeStage, PersonState
from amends.domain.people.person import Flag, Person
from amends.domain.playbook.playbook import Event
from amends.domain.receipt.dsn import MailReport, ReportKind
from amends.ledger import Claim, Ledger
from amends.ledger.deliver.corrections import Followed
from tests.builders import NOW, a_member, a_person, a_playbook, a_wording, an_incident
from tests.databases import NEEDS_POSTGRES
from tests.delivery.sending import APPROVERS, INCIDENT, NOTICE, approved, approved_again

EMAIL, SMS, WEBSITE, SOCIAL = ChannelKind.EMAIL, ChannelKind.SMS, ChannelKind.WEBSITE, ChannelKind.SOCIAL
BY_EMAIL = {"channels": (WEBSITE, EMAIL), "cascade": (EMAIL,)}
LATER = NOW + timedelta(hours=1)
MINOR = frozenset({Flag.MINOR})


def people(count: int) -> list[Person]:
    return [a_person(number=number) for number in range(1, count + 1)]


def with_address(person: Person, email: str) -> Person:
    return person._replace(email=email)


def as_it_is(difference: Difference) -> dict[Ask, int | None]:
    """The word of a member who has looked."""
    return {ask: difference.counts[ask] for ask in Ask}


def correct(ledger: Ledger, listed: Iterable[Person], by: str = "lena") -> tuple[Followed, ...]:
    correction = ledger.corrections.compare(INCIDENT, listed)
    return ledger.corrections.apply(correction, as_it_is(correction.difference), "f" * 64, by, LATER)


def opened(ledger: Ledger, *listed: Person) -> Ledger:
    ledger.incidents.open(an_incident(), listed or people(3), "lena", NOW)
    return ledger


def sent(
    ledger: Ledger,
    status: Status = Status.SENT,
    *only: int,
    cause: ReceiptCause = ReceiptCause.NONE,
    doubtful: bool = False,
    now: datetime = LATER,
) -> list[Claim]:
    """Everything that waits, or what waits for these people, gets this answer; what was handed out."""
    claims = [
        claim
        for claim in ledger.deliveries.claim(INCIDENT, NOTICE, [EMAIL, SMS], 100, now)
        if not only or (claim.about and claim.about.number in only)
    ]
    ledger.deliveries.record(claims, (), INCIDENT, NOTICE, now)
    said = {"detail": "550 5.1.1 unknown", "cause": cause, "doubtful": doubtful}
    answers = [(claim, Receipt(claim.key, status, **said)) for claim in claims]
    ledger.deliveries.record((), answers, INCIDENT, NOTICE, now)
    ledger.deliveries.end_leases([claim.lease for claim in claims], {}, INCIDENT, NOTICE, now)
    return claims


def released(ledger: Ledger, listed: Iterable[Person], **changes: object) -> Ledger:
    """Its first notice waits for everybody; the page is up."""
    approved(ledger, listed, **BY_EMAIL | changes)
    ledger.occurrences.mark(INCIDENT, NOTICE, 1, NOW, OccurrenceState.WAITING, NOW)
    return with_its_page(ledger)


def released_again(ledger: Ledger, **changes: object) -> Ledger:
    approved_again(ledger, **BY_EMAIL | changes)
    return with_its_page(ledger)


def with_its_page(ledger: Ledger) -> Ledger:
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    page = ledger.deliveries.claim(INCIDENT, NOTICE, [WEBSITE, SOCIAL], 10, NOW)
    ledger.deliveries.record((), [(claim, Receipt(claim.key, Status.SENT)) for claim in page], INCIDENT, NOTICE, NOW)
    ledger.deliveries.end_leases([claim.lease for claim in page], {}, INCIDENT, NOTICE, NOW)
    return ledger


def with_a_team(ledger: Ledger) -> Ledger:
    ledger.playbooks.pin(INCIDENT, a_playbook(), a_wording(), "lena", NOW)
    for member in APPROVERS:
        ledger.team.add(member.name, member.role, "lena", NOW)
    return ledger


def states(ledger: Ledger) -> dict[int, list[str]]:
    """Of each person, where their messages stand."""
    found: dict[int, list[str]] = {}
    for line in ledger.statistics.lines(INCIDENT, NOTICE):
        if line.person:
            found.setdefault(line.person, []).append(line.state.value)
    return found


def addresses(claims: Iterable[Claim]) -> list[str]:
    return sorted(claim.to.email for claim in claims if claim.to and claim.channel is EMAIL)


# What differs.


def test_each_kind_of_difference_is_told_by_person_and_row(ledger: Ledger) -> None:
    opened(ledger)
    corrected = [a_person(number=9, ref="C-00001"), a_person(number=3, name="Kim B", locale="de"), a_person(number=4)]
    found = ledger.corrections.compare(INCIDENT, corrected).difference
    first, *others = [(change.kind, change.person, change.row, change.fields) for change in found.changes]
    assert first == (DifferenceKind.CHANGED, 1, 9, ("name", "email", "phone"))
    assert others == [
        (DifferenceKind.CHANGED, 3, 3, ("name", "locale")),
        (DifferenceKind.NEW, 4, 4, ()),
        (DifferenceKind.GONE, 2, 0, ()),
    ]
    assert (found.before, found.after, found.unchanged) == (3, 3, 0)


def test_to_compare_stores_nothing(ledger_on_sqlite: Ledger) -> None:
    before = opened(ledger_on_sqlite).views.timeline(INCIDENT), ledger_on_sqlite.audit.entries(INCIDENT)
    ledger_on_sqlite.corrections.compare(INCIDENT, people(5))
    assert (ledger_on_sqlite.views.timeline(INCIDENT), ledger_on_sqlite.audit.entries(INCIDENT)) == before


def test_the_same_list_again_changes_nothing(ledger_on_sqlite: Ledger) -> None:
    approved(ledger_on_sqlite, people(3), **BY_EMAIL)
    before = ledger_on_sqlite.views.timeline(INCIDENT), ledger_on_sqlite.audit.entries(INCIDENT)
    assert correct(ledger_on_sqlite, reversed(people(3))) == ()
    assert (ledger_on_sqlite.views.timeline(INCIDENT), ledger_on_sqlite.audit.entries(INCIDENT)) == before


def test_a_corrected_list_handed_in_twice_is_stored_once(ledger_on_sqlite: Ledger) -> None:
    opened(ledger_on_sqlite)
    correct(ledger_on_sqlite, people(5)[1:])
    before = ledger_on_sqlite.views.timeline(INCIDENT)
    correct(ledger_on_sqlite, people(5)[1:])
    assert ledger_on_sqlite.views.timeline(INCIDENT) == before


def test_sorting_one_column_is_noticed(ledger_on_sqlite: Ledger) -> None:
    one, two, three = people(3)
    opened(ledger_on_sqlite, one, two, three)
    mixed = [with_address(one, two.email), with_address(two, one.email), three]
    correction = ledger_on_sqlite.corrections.compare(INCIDENT, mixed)
    assert [change.taken_over for change in correction.difference.changes] == [("email",), ("email",)]
    with pytest.raises(NotAllowed, match="2 people have an address that was another's"):
        ledger_on_sqlite.corrections.apply(correction, {Ask.CHANGED: 2}, "", "lena", LATER)
    assert ledger_on_sqlite.people.get(INCIDENT, 1) == one


def test_the_same_customer_under_another_id_is_noticed(ledger_on_sqlite: Ledger) -> None:
    one, two, three = people(3)
    opened(ledger_on_sqlite, one, two, three)
    found = ledger_on_sqlite.corrections.compare(INCIDENT, [one, two, three._replace(ref="X-3")]).difference
    assert [change.taken_over for change in found.changes if change.kind is DifferenceKind.NEW] == [("email", "phone")]


def test_to_share_the_address_of_somebody_who_keeps_it_is_no_swap(ledger_on_sqlite: Ledger) -> None:
    one, two, three = people(3)
    opened(ledger_on_sqlite, one, two, three)
    found = ledger_on_sqlite.corrections.compare(INCIDENT, [one, with_address(two, one.email), three]).difference
    assert found.counts["swapped"] == 0


def test_the_address_of_somebody_who_went_earlier_is_still_known(ledger_on_sqlite: Ledger) -> None:
    one, two, three = people(3)
    correct(opened(ledger_on_sqlite, one, two, three), [one, two])
    found = ledger_on_sqlite.corrections.compare(INCIDENT, [one, with_address(two, three.email)]).difference
    assert found.counts["swapped"] == 1


def test_a_comparison_holds_nothing_personal(ledger_on_sqlite: Ledger) -> None:
    correction = opened(ledger_on_sqlite).corrections.compare(
        INCIDENT, [a_person(number=1, region="Kreuzberg"), a_person(number=7)]
    )
    shown = repr(correction) + repr([values[2:9] for values in correction.rows.values()])
    assert not any(secret in shown for secret in ("Kim", "mail.example", "C-0000", "+4930"))


# What is stored.


def test_new_people_get_the_next_numbers_and_links_of_their_own(ledger: Ledger) -> None:
    newcomer = a_person(number=2, ref="C-7", email="new@mail.example", phone="")
    correct(opened(ledger), [people(3)[0], newcomer, *people(3)[1:]])
    assert ledger.people.get(INCIDENT, 4) == newcomer._replace(number=4)
    assert ledger.people.number_of(INCIDENT, "C-7") == 4
    assert ledger.people.whose_link(ledger.people.link_of(INCIDENT, 4)) == (INCIDENT, 4)


def test_changed_people_keep_number_and_link(ledger: Ledger) -> None:
    opened(ledger)
    link = ledger.people.link_of(INCIDENT, 2)
    changed = a_person(number=99, ref="C-00002", name="李雷", locale="zh-CN", country="CN", postal_address="1 Road")
    correct(ledger, [changed, *people(3)[::2]])
    assert ledger.people.get(INCIDENT, 2) == changed._replace(number=2)
    assert ledger.people.whose_link(link) == (INCIDENT, 2)


# Personal links.


def links(ledger: Ledger, *numbers: int) -> list[str]:
    return [ledger.people.link_of(INCIDENT, number) for number in numbers]


def works(ledger: Ledger, *tokens: str) -> list[bool]:
    return [ledger.people.whose_link(token) is not None for token in tokens]


@pytest.mark.parametrize("status", [Status.SENT, Status.UNCERTAIN])
def test_a_link_sent_to_a_replaced_address_works_no_more(ledger: Ledger, status: Status) -> None:
    """A link that was, or may have been, sent to an address works no more once a corrected list replaces the address.

    The person has a new link, the links of all others still work, and the audit chain counts the replaced link.
    """
    sent(released(ledger, people(3)), status)
    before = links(ledger, 1, 2, 3)
    correct(ledger, [people(3)[0], with_address(people(3)[1], "right@mail.example"), people(3)[2]])
    assert works(ledger, *before) == [True, False, True]
    assert ledger.people.whose_link(*links(ledger, 2)) == (INCIDENT, 2)
    corrected = next(entry for entry in ledger.audit.entries(INCIDENT) if entry.act == "audience corrected")
    assert corrected.detail["links"] == 1


def test_after_swapped_addresses_nobody_opens_the_others_page(ledger_on_sqlite: Ledger) -> None:
    """When a corrected list swaps the addresses of two people, neither old link works any more.

    So neither person opens the page of the other.
    """
    ledger = ledger_on_sqlite
    sent(released(ledger, people(2)))
    before, (one, two) = links(ledger, 1, 2), people(2)
    correct(ledger, [with_address(one, two.email), with_address(two, one.email)])
    assert works(ledger, *before) == [False, False]


def test_nor_does_it_when_the_same_link_went_to_an_address_that_stays(ledger_on_sqlite: Ledger) -> None:
    ledger = released(ledger_on_sqlite, people(1), channels=(WEBSITE, EMAIL, SMS))
    sent(ledger)
    before = links(ledger, 1)
    correct(ledger, [with_address(people(1)[0], "right@mail.example")])
    assert works(ledger, *before) == [False]


def test_a_link_maybe_sent_to_a_replaced_number_works_no_more(ledger_on_sqlite: Ledger) -> None:
    """A link that a provider may have sent by SMS works no more when a corrected list replaces the phone number."""
    ledger = released(ledger_on_sqlite, people(1), channels=(WEBSITE, SMS))
    sent(ledger, Status.DEFERRED, doubtful=True)
    before = links(ledger, 1)
    correct(ledger, [people(1)[0]._replace(phone="+4915199900099")])
    assert works(ledger, *before) == [False]


def test_an_unsent_link_is_kept_when_the_address_is_replaced(ledger_on_sqlite: Ledger) -> None:
    """A personal link that was not sent yet works on when a corrected list replaces the person's address."""
    ledger = released(ledger_on_sqlite, people(1))
    before = links(ledger, 1)
    correct(ledger, [with_address(people(1)[0], "right@mail.example")])
    assert works(ledger, *before) == [True]


def test_a_link_that_came_back_is_kept_when_the_address_is_replaced(ledger_on_sqlite: Ledger) -> None:
    ledger = released(ledger_on_sqlite, people(1))
    sent(ledger, Status.REJECTED)
    before = links(ledger, 1)
    correct(ledger, [with_address(people(1)[0], "right@mail.example")])
    assert works(ledger, *before) == [True]


def test_a_link_is_kept_when_only_an_unused_address_changes(ledger_on_sqlite: Ledger) -> None:
    """A personal link works on when a corrected list adds an address or removes one to which nothing was sent."""
    ledger = ledger_on_sqlite
    sent(released(ledger, people(2)))
    before, (one, two) = links(ledger, 1, 2), people(2)
    correct(ledger, [one._replace(postal_address="1 Road"), two._replace(phone="")])
    assert works(ledger, *before) == [True, True]


def test_a_name_that_is_corrected_later_does_not_cost_the_new_link(ledger_on_sqlite: Ledger) -> None:
    ledger = ledger_on_sqlite
    sent(released(ledger, people(1)))
    moved = with_address(people(1)[0], "right@mail.example")
    correct(ledger, [moved])
    before = links(ledger, 1)
    correct(ledger, [moved._replace(name="Kim", phone="+4915199900099")])
    assert works(ledger, *before) == [True]


def test_a_child_told_directly_keeps_its_link_when_given_a_guardian(ledger_on_sqlite: Ledger) -> None:
    """A child who was told directly keeps its link when a corrected list names a guardian for the child."""
    ledger = ledger_on_sqlite
    child, parent, other = family()
    sent(released(ledger, [child._replace(flags=frozenset()), parent, other]))
    before = links(ledger, 1)
    correct(ledger, [child, parent, other])
    assert works(ledger, *before) == [True]


def family(*, guardian: int = 2) -> list[Person]:
    """A child and two grown-ups, of whom one is the guardian."""
    grown = [a_person(number=number, guardian_of="C-00001" if number == guardian else "") for number in (2, 3)]
    return [a_person(number=1, flags=MINOR), *grown]


def test_who_is_the_guardian_no_longer_does_not_read_the_childs_page(ledger: Ledger) -> None:
    sent(released(ledger, family()))
    before = links(ledger, 1, 2, 3)
    correct(ledger, family(guardian=3))
    assert works(ledger, *before) == [False, True, True]


def test_a_childs_link_ends_when_the_guardians_address_changes(ledger: Ledger) -> None:
    """When a corrected list replaces the address of a guardian who was told, the child's link works no more."""
    child, parent, other = family()
    sent(released(ledger, [child, parent, other]))
    before = links(ledger, 1)
    correct(ledger, [child, with_address(parent, "right@mail.example"), other])
    assert works(ledger, *before) == [False]


def test_when_the_guardian_is_gone_the_childs_link_works_no_more(ledger_on_sqlite: Ledger) -> None:
    child, parent, other = family()
    sent(released(ledger_on_sqlite, [child, parent, other]))
    before = links(ledger_on_sqlite, 1)
    correct(ledger_on_sqlite, [child, other])
    assert works(ledger_on_sqlite, *before) == [False]


def test_a_child_told_directly_from_now_on_gets_a_link_of_its_own(ledger_on_sqlite: Ledger) -> None:
    """When a child was told through a guardian and is told directly from now on, the old link works no more."""
    ledger = ledger_on_sqlite
    child, parent, other = family()
    sent(released(ledger, [child, parent, other]))
    before = links(ledger, 1)
    correct(ledger, [child._replace(flags=frozenset()), parent, other])
    assert works(ledger, *before) == [False]


# Who is gone, and who comes back.


def test_messages_of_a_corrected_list_are_uncertain_after_a_restore(ledger_on_sqlite: Ledger) -> None:
    """A message that a corrected list adds after a backup was restored is uncertain on a channel in doubt.

    The message may have been sent before the restore.
    """
    ledger, (person,) = ledger_on_sqlite, people(1)
    released(ledger, [person._replace(phone="")], cascade=(EMAIL, SMS))
    sent(ledger, Status.REJECTED)
    ledger.restore.reconcile([], APPROVERS[0], NOW, (EMAIL, SOCIAL))
    correct(ledger, [person])
    assert states(ledger)[1] == ["failed", "uncertain"]


def test_a_person_maybe_told_is_not_told_again_after_an_absence(ledger_on_sqlite: Ledger) -> None:
    """A person whom a gateway may have told stays uncertain when one list leaves the person out and the next does not.

    So the person is not told a second time.
    """
    ledger = released(ledger_on_sqlite, people(2), channels=(WEBSITE, SMS))
    sent(ledger, Status.DEFERRED, doubtful=True)
    correct(ledger, people(2)[1:])
    assert states(ledger)[1] == ["uncertain"]
    correct(ledger, people(2))
    assert states(ledger)[1] == ["uncertain"]


def test_a_sent_update_is_not_repeated_to_people_it_did_not_reach(ledger_on_sqlite: Ledger) -> None:
    """An update that was sent is not sent again to a person whom it did not reach, not even to a corrected address."""
    ledger, (person,) = ledger_on_sqlite, people(1)
    released(ledger, [person._replace(phone="")], step="update")
    sent(ledger, Status.REJECTED)
    assert ledger.deliveries.finish(INCIDENT, NOTICE, LATER)
    correct(ledger, [with_address(person._replace(phone=""), "right@mail.example")])
    assert states(ledger) == {1: ["failed"]}


def test_who_is_held_now_keeps_nobody_else_from_being_sent_it_again(ledger_on_sqlite: Ledger) -> None:
    ledger, (first, second) = released(ledger_on_sqlite, people(2)), people(2)
    ledger.restore.reconcile([], APPROVERS[0], NOW)
    correct(ledger, [first._replace(flags=frozenset({Flag.DECEASED})), second])
    assert ledger.decisions.send_again(INCIDENT, NOTICE, None, APPROVERS[0], NOW) == 1
    assert states(ledger) == {1: ["uncertain"], 2: ["waiting"]}


@pytest.mark.parametrize("number", ["+4915199900099", ""])
def test_a_person_maybe_told_is_told_elsewhere_only_by_decision(ledger_on_sqlite: Ledger, number: str) -> None:
    """When a corrected list replaces or removes the number of a person whom a gateway may have told, nothing is sent.

    The message stays uncertain, and only a decision of a team member sends the message elsewhere.
    """
    ledger, (person,) = released(ledger_on_sqlite, people(1), channels=(WEBSITE, SMS), cascade=(SMS, EMAIL)), people(1)
    sent(ledger, Status.DEFERRED, doubtful=True)
    correct(ledger, [person._replace(phone=number)])
    assert states(ledger)[1] == ["uncertain"]


def test_who_is_gone_stays_in_the_ledger_and_counts_apart(ledger: Ledger) -> None:
    correct(opened(ledger), people(3)[:2])
    counts = ledger.cases.read(INCIDENT).audience
    assert (counts.people, counts.gone, counts.by_place, counts.with_email) == (2, 1, {"DE": 2}, 2)
    assert ledger.incidents.all()[0].people == ledger.notices.audience(INCIDENT, "everyone").people == 2
    assert ledger.people.get(INCIDENT, 3) == people(3)[2]


def test_who_was_gone_can_come_back(ledger: Ledger) -> None:
    opened(ledger)
    correct(ledger, people(3)[:2])
    correction = ledger.corrections.compare(INCIDENT, people(3))
    assert [(change.kind, change.person) for change in correction.difference.changes] == [(DifferenceKind.BACK, 3)]
    correct(ledger, people(3))
    assert (ledger.cases.read(INCIDENT).audience.people, ledger.cases.read(INCIDENT).audience.gone) == (3, 0)


def test_every_list_that_was_in_force_is_known_by_its_digest(ledger_on_sqlite: Ledger) -> None:
    digests = [opened(ledger_on_sqlite).cases.read(INCIDENT).audience.digest]
    for count in (4, 5):
        correct(ledger_on_sqlite, people(count))
        digests.append(ledger_on_sqlite.cases.read(INCIDENT).audience.digest)
    acts = [entry for entry in ledger_on_sqlite.audit.entries(INCIDENT) if "audience" in entry.detail]
    assert [entry.detail["audience"] for entry in acts] == digests
    assert len(set(digests)) == 3
    assert (acts[1].actor, acts[1].detail["file"], acts[1].detail["new"]) == ("lena", "f" * 64, 1)


def test_any_change_makes_another_digest(ledger_on_sqlite: Ledger) -> None:
    ledger = opened(ledger_on_sqlite)
    lists = [
        people(2),
        people(4),
        [*people(2), a_person(number=3, name="Kim")],
        [*people(2), a_person(number=3, segment="x")],
    ]
    assert len({ledger.corrections.compare(INCIDENT, listed).digest for listed in lists}) == 4
    again = ledger.corrections.compare(INCIDENT, people(4)).digest
    assert again == ledger.corrections.compare(INCIDENT, people(4)).digest


def test_who_was_damaged_is_mended_by_a_corrected_list(ledger_on_sqlite: Ledger) -> None:
    ledger = opened(ledger_on_sqlite)
    with ledger.store.write() as write:
        write.session.execute(text("UPDATE person SET sealed = zeroblob(40) WHERE number = 2"))
    (change,) = ledger.corrections.compare(INCIDENT, people(3)).difference.changes
    assert (change.kind, change.person, "name" in change.fields) == (DifferenceKind.CHANGED, 2, True)
    correct(ledger, people(3))
    assert ledger.people.get(INCIDENT, 2) == people(3)[1]


def test_a_list_that_breaks_off_in_its_last_row_changes_nothing(ledger_on_sqlite: Ledger) -> None:
    """When reading a corrected list fails in its last row, the case and all people stay as they were."""

    def broken() -> Iterator[Person]:
        yield from (a_person(number=number, name="Changed") for number in range(1, 2501))
        raise OSError("the stick was pulled out")

    before = opened(ledger_on_sqlite).views.timeline(INCIDENT)
    with pytest.raises(OSError, match="stick"):
        correct(ledger_on_sqlite, broken())
    assert (ledger_on_sqlite.views.timeline(INCIDENT), ledger_on_sqlite.people.get(INCIDENT, 1)) == (
        before,
        people(1)[0],
    )


def test_what_the_database_refuses_leaves_everything_as_it_was(ledger: Ledger) -> None:
    twice = [a_person(number=1, name="Changed"), a_person(number=8, ref="X"), a_person(number=9, ref="X")]
    before = opened(ledger).views.timeline(INCIDENT)
    with pytest.raises(AlreadyInLedger):
        correct(ledger, twice)
    assert (ledger.views.timeline(INCIDENT), ledger.people.get(INCIDENT, 1)) == (before, people(1)[0])


def test_of_two_who_correct_at_once_the_second_must_compare_again(ledger_on_sqlite: Ledger) -> None:
    opened(ledger_on_sqlite)
    first, second = (ledger_on_sqlite.corrections.compare(INCIDENT, people(count)) for count in (4, 5))
    for_both: dict[Ask, int | None] = {}
    ledger_on_sqlite.corrections.apply(first, for_both, "", "lena", LATER)
    with pytest.raises(NotAllowed, match="meanwhile"):
        ledger_on_sqlite.corrections.apply(second, for_both, "", "omar", LATER)
    assert ledger_on_sqlite.cases.read(INCIDENT).audience.people == 4


def test_a_closed_incident_takes_a_list(ledger_on_sqlite: Ledger) -> None:
    opened(ledger_on_sqlite).incidents.close(INCIDENT, "lena", NOW)
    correct(ledger_on_sqlite, people(4))
    assert ledger_on_sqlite.cases.read(INCIDENT).audience.people == 4


def test_an_unknown_incident_has_no_list(ledger_on_sqlite: Ledger) -> None:
    with pytest.raises(NotInLedger):
        ledger_on_sqlite.corrections.compare("nothing", people(1))


# Children and those who are told for them.


def test_a_guardian_who_is_found_later_is_told_for_the_child(ledger: Ledger) -> None:
    child, parent = a_person(number=1, flags=MINOR), a_person(number=2, guardian_of="C-00001", data=())
    released(ledger, [child])
    assert states(ledger) == {1: ["held"]}
    correct(ledger, [child, parent])
    assert states(ledger) == {1: ["waiting"]}
    assert addresses(sent(released_again(ledger))) == [parent.email]


def test_when_the_guardian_is_gone_the_child_is_held_again(ledger_on_sqlite: Ledger) -> None:
    child, parent = a_person(number=1, flags=MINOR), a_person(number=2, guardian_of="C-00001", data=())
    correct(released(ledger_on_sqlite, [child, parent]), [child])
    lines = [line for line in ledger_on_sqlite.statistics.lines(INCIDENT, NOTICE) if line.person]
    assert [(line.person, line.state, line.reason) for line in lines if line.person == 1] == [
        (1, DeliveryState.HELD, "minor_without_guardian")
    ]


def test_another_address_of_a_guardian_counts_for_the_child(ledger_on_sqlite: Ledger) -> None:
    child, parent = a_person(number=1, flags=MINOR), a_person(number=2, guardian_of="C-00001", data=())
    ledger = released(ledger_on_sqlite, [child, parent])
    correct(ledger, [child, with_address(parent, "right@mail.example")])
    assert addresses(sent(released_again(ledger))) == ["right@mail.example"]


def test_a_decision_to_tell_a_held_person_outlives_a_corrected_name(ledger_on_sqlite: Ledger) -> None:
    """A held message that a team member released still waits after a corrected list changes the person's name."""
    ledger = released(ledger_on_sqlite, [a_person(number=1, flags=MINOR)])
    ledger.decisions.release_held(INCIDENT, NOTICE, 1, a_member(), NOW)
    correct(ledger, [a_person(number=1, flags=MINOR, name="Kim B")])
    assert states(ledger) == {1: ["waiting"]}


# Messages.


def test_nothing_leaves_before_the_new_list_is_approved(ledger_on_sqlite: Ledger) -> None:
    correct(released(ledger_on_sqlite, people(3)), people(4))
    with pytest.raises(ApprovalMissing):
        ledger_on_sqlite.deliveries.claim(INCIDENT, NOTICE, [EMAIL], 10, LATER)
    with pytest.raises(ApprovalMissing):
        ledger_on_sqlite.notices.release(INCIDENT, NOTICE, LATER)


def test_a_list_that_was_corrected_is_no_change_of_the_facts(ledger_on_sqlite: Ledger) -> None:
    ledger = released(ledger_on_sqlite, people(10))
    ledger.playbooks.pin(INCIDENT, a_playbook(), a_wording(), "lena", NOW)
    sent(released_again(ledger))
    ledger.deliveries.finish(INCIDENT, NOTICE, LATER)
    found = ledger.corrections.compare(INCIDENT, people(11))
    ledger.corrections.apply(found, {}, "f" * 64, "lena", LATER + timedelta(hours=1))
    case = ledger.cases.read(INCIDENT)
    assert (case.version, Event.FACTS_CHANGED in case.events, case.told_wrongly) == (2, False, ())


def test_a_refusal_to_send_tells_a_changed_list_from_changed_facts(ledger_on_sqlite: Ledger) -> None:
    """When a list was corrected after the approval, the refusal to send names the list and not the facts.

    When both changed, the refusal names both.
    """
    ledger = released(ledger_on_sqlite, people(10))
    correct(ledger, people(11))
    with pytest.raises(ApprovalMissing, match=r"^the list of people changed after first-notice was approved"):
        ledger.deliveries.claim(INCIDENT, NOTICE, [EMAIL], 10, LATER)
    ledger.incidents.amend(an_incident(title="Two databases copied"), "lena", LATER)
    with pytest.raises(ApprovalMissing, match=r"^the facts and the list of people changed"):
        ledger.deliveries.claim(INCIDENT, NOTICE, [EMAIL], 10, LATER)


def test_who_hands_in_a_list_does_not_approve_it(ledger_on_sqlite: Ledger) -> None:
    correct(opened(ledger_on_sqlite), people(4), by="wei")
    case = ledger_on_sqlite.views.drafting(INCIDENT)
    assert (case.author, case.version) == ("wei", 2)


def test_the_author_of_the_facts_stays_one_beside_a_lists_corrector(ledger_on_sqlite: Ledger) -> None:
    """The member who wrote the facts stays an author of the incident beside the members who corrected the list."""
    ledger = opened(ledger_on_sqlite)
    for count, by in ((4, "wei"), (5, "mei"), (6, "wei")):
        correct(ledger, people(count), by=by)
    assert ledger.views.drafting(INCIDENT).authors == ("wei", "lena", "mei")


def test_waiting_messages_go_to_the_corrected_address_once(ledger: Ledger) -> None:
    one, two, three = people(3)
    released(ledger, [one, two, three])
    (followed,) = correct(ledger, [one, with_address(two, "right@mail.example"), three])
    assert (followed.redirected, followed.drafted_afresh) == (1, True)
    assert addresses(sent(released_again(ledger))) == [one.email, three.email, "right@mail.example"]
    assert ledger.deliveries.claim(INCIDENT, NOTICE, [EMAIL, SMS], 10, LATER) == ()


def test_a_redirected_message_has_a_key_of_its_own(ledger_on_sqlite: Ledger) -> None:
    ledger = released(ledger_on_sqlite, people(1))
    old = {claim.key for claim in sent(ledger, Status.DEFERRED)}
    correct(ledger, [with_address(people(1)[0], "right@mail.example")])
    (claim,) = sent(released_again(ledger))
    assert claim.key not in old
    assert claim.attempts == 1


def test_who_was_told_is_not_told_again_at_another_address(ledger_on_sqlite: Ledger) -> None:
    sent(released(ledger_on_sqlite, people(2)))
    ledger_on_sqlite.deliveries.finish(INCIDENT, NOTICE, LATER)
    correct(ledger_on_sqlite, [with_address(person, f"right{person.number}@mail.example") for person in people(2)])
    assert ledger_on_sqlite.cases.read(INCIDENT).notices[0].stage is NoticeStage.SENT
    assert sent(released_again(ledger_on_sqlite)) == []
    assert states(ledger_on_sqlite) == {1: ["sent"], 2: ["sent"]}


def test_whose_mail_bounced_is_written_to_at_the_corrected_address(ledger_on_sqlite: Ledger) -> None:
    released(ledger_on_sqlite, people(2))
    sent(ledger_on_sqlite, Status.REJECTED)
    ledger_on_sqlite.deliveries.finish(INCIDENT, NOTICE, LATER)
    one, two = people(2)
    (followed,) = correct(ledger_on_sqlite, [with_address(one, "right@mail.example"), two])
    assert (followed.new, followed.drafted_afresh) == (1, True)
    assert addresses(sent(released_again(ledger_on_sqlite))) == ["right@mail.example"]
    assert states(ledger_on_sqlite) == {1: ["failed", "sent"], 2: ["failed"]}


def test_an_uncertain_message_sent_again_goes_to_the_new_address(ledger_on_sqlite: Ledger) -> None:
    """An uncertain message stays uncertain after a corrected list until a team member has the message sent again.

    Then it goes to the corrected address and has a new key.
    """
    old = {claim.key for claim in sent(released(ledger_on_sqlite, people(1)), Status.UNCERTAIN)}
    correct(ledger_on_sqlite, [with_address(people(1)[0], "right@mail.example")])
    assert states(ledger_on_sqlite) == {1: ["uncertain"]}
    released_again(ledger_on_sqlite)
    assert ledger_on_sqlite.decisions.send_again(INCIDENT, NOTICE, 1, a_member(), LATER) == 1
    (claim,) = sent(ledger_on_sqlite)
    assert addresses([claim]) == ["right@mail.example"]
    assert claim.key not in old


def test_a_message_cannot_be_sent_again_without_an_address(ledger_on_sqlite: Ledger) -> None:
    """When a corrected list removes a person's addresses, sending the uncertain message again is refused.

    The refusal names the person and the command that helps; neither the message nor the audit chain changes.
    """
    sent(released(ledger_on_sqlite, people(2)), Status.UNCERTAIN)
    correct(ledger_on_sqlite, [with_address(person, "")._replace(phone="") for person in people(2)])
    released_again(ledger_on_sqlite)
    entries = len(ledger_on_sqlite.audit.entries(INCIDENT))
    with pytest.raises(
        NotAllowed, match=r"person 1 has no address .* \(`amends audience correct november-breach FILE`\)"
    ):
        ledger_on_sqlite.decisions.send_again(INCIDENT, NOTICE, 1, a_member(), LATER)
    assert states(ledger_on_sqlite) == {1: ["uncertain"], 2: ["uncertain"]}
    assert len(ledger_on_sqlite.audit.entries(INCIDENT)) == entries


def test_nothing_more_goes_to_who_is_gone(ledger_on_sqlite: Ledger) -> None:
    released(ledger_on_sqlite, people(3))
    sent(ledger_on_sqlite, Status.UNCERTAIN, 2)
    ledger_on_sqlite.deliveries.recover(INCIDENT, NOTICE, LATER + timedelta(minutes=10))
    correct(ledger_on_sqlite, people(1))
    assert states(ledger_on_sqlite) == {1: ["waiting"], 2: ["uncertain"], 3: ["held"]}
    assert addresses(sent(released_again(ledger_on_sqlite))) == [people(1)[0].email]
    with pytest.raises(NotAllowed, match="not in the list"):
        ledger_on_sqlite.decisions.release_held(INCIDENT, NOTICE, 3, a_member(), LATER)
    with pytest.raises(NotAllowed, match="not written to any more"):
        ledger_on_sqlite.decisions.send_again(INCIDENT, NOTICE, 2, a_member(), LATER)


def test_a_notice_of_later_leaves_out_who_is_gone(ledger_on_sqlite: Ledger) -> None:
    correct(with_a_team(opened(ledger_on_sqlite)), people(2))
    assert set(states(released_again(ledger_on_sqlite))) == {1, 2}


def test_a_corrected_language_is_the_one_that_is_written_in(ledger_on_sqlite: Ledger) -> None:
    ledger = released(ledger_on_sqlite, people(1))
    correct(ledger, [a_person(number=1, locale="zh-CN")])
    (claim,) = sent(released_again(ledger))
    assert claim.text.locale == "zh-CN"


def test_who_left_the_part_that_a_notice_is_for_does_not_get_it(ledger_on_sqlite: Ledger) -> None:
    patients = [person._replace(segment="patients") for person in people(2)]
    ledger = with_a_team(opened(ledger_on_sqlite, *patients))
    audience = ledger.notices.audience(INCIDENT, "patients")
    released_again(ledger, audience="patients", audience_digest=audience.digest, people=audience.people)
    correct(ledger, [patients[0], patients[1]._replace(segment="staff")])
    assert states(ledger) == {1: ["waiting"], 2: ["held"]}


# Those who are found late.


def test_who_is_found_late_is_counted_and_gets_what_people_must_have(ledger: Ledger) -> None:
    sent(released(ledger, people(2)))
    ledger.deliveries.finish(INCIDENT, NOTICE, LATER)
    ledger.occurrences.mark(INCIDENT, NOTICE, 1, NOW, OccurrenceState.DONE, NOW)
    (followed,) = correct(ledger, people(4))
    case = ledger.cases.read(INCIDENT)
    assert (followed.not_told, case.notices[0].not_told, ledger.statistics.numbers(INCIDENT, NOTICE).not_told) == (
        2,
        2,
        2,
    )
    assert case.notices[0].stage is NoticeStage.SENDING
    assert addresses(sent(released_again(ledger))) == [person.email for person in people(4)[2:]]
    assert ledger.deliveries.finish(INCIDENT, NOTICE, LATER)
    assert ledger.cases.read(INCIDENT).notices[0].not_told == 0
    assert ledger.statistics.people(INCIDENT, NOTICE) == {PersonState.SENT: 4}


def test_a_person_found_late_keeps_a_notice_from_being_finished(ledger_on_sqlite: Ledger) -> None:
    """A notice is not finished when a corrected list brings one more person while the last message is being sent.

    The notice goes on until the new person is told as well.
    """
    ledger = released(ledger_on_sqlite, people(2))
    sent(ledger)
    correct(ledger, people(3))
    assert not ledger.deliveries.finish(INCIDENT, NOTICE, LATER)
    (notice,) = ledger.cases.read(INCIDENT).notices
    assert (notice.stage, notice.not_told, notice.wants_work(LATER)) == (NoticeStage.SENDING, 1, True)
    assert addresses(sent(released_again(ledger))) == [people(3)[2].email]
    assert ledger.deliveries.finish(INCIDENT, NOTICE, LATER)


def test_giving_up_the_last_parked_message_leaves_people_to_be_told(ledger_on_sqlite: Ledger) -> None:
    """Giving up the last parked message does not finish a notice when a corrected list brought one more person."""
    ledger = released(ledger_on_sqlite, people(1))
    for tries in range(STRIKES):
        sent(ledger, Status.DEFERRED, cause=ReceiptCause.FAULT, now=LATER + tries * timedelta(hours=5))
    correct(ledger, people(2))
    ledger.decisions.give_up_parked(INCIDENT, NOTICE, 1, a_member(), LATER)
    (notice,) = ledger.cases.read(INCIDENT).notices
    assert (notice.stage, notice.not_told, notice.wants_work(LATER)) == (NoticeStage.SENDING, 1, True)


def test_a_mandatory_version_reaches_an_opted_out_person_at_last(ledger_on_sqlite: Ledger) -> None:
    """A person who opted out and got a corrected address gets no optional version of a notice.

    The mandatory version goes to that address.
    """
    person = a_person(phone="")
    ledger = released(ledger_on_sqlite, [person])
    sent(ledger, Status.REJECTED)
    ledger.incidents.amend(an_incident(title="Two databases copied"), "lena", LATER)
    released_again(ledger, optional=True)
    ledger.opt_outs.add(INCIDENT, 1, "test", LATER)
    correct(ledger, [with_address(person, "new@mail.example")])
    assert not sent(released_again(ledger, optional=True))
    ledger.incidents.amend(an_incident(title="Three databases copied"), "lena", LATER)
    assert addresses(sent(released_again(ledger))) == ["new@mail.example"]


def test_news_that_were_sent_are_not_sent_again_for_who_is_found_late(ledger_on_sqlite: Ledger) -> None:
    ledger = released(ledger_on_sqlite, people(2), step="update")
    sent(ledger)
    ledger.deliveries.finish(INCIDENT, NOTICE, LATER)
    (followed,) = correct(ledger, people(3))
    assert (followed.not_told, followed.drafted_afresh) == (1, False)
    assert ledger.cases.read(INCIDENT).notices[0].stage is NoticeStage.SENT


def test_people_gone_from_a_list_are_counted_apart_from_those_owed(ledger: Ledger) -> None:
    """The numbers of a notice count the people removed from the list apart and leave them out of all other counts."""
    sent(released(ledger, people(3)), Status.REJECTED)
    correct(ledger, people(2))
    numbers = ledger.statistics.numbers(INCIDENT, NOTICE)
    assert (numbers.gone, numbers.living.total(), numbers.unreached.total()) == (1, 2, 2)


# What happens at the same time.


def test_while_messages_are_in_hand_no_list_is_taken(ledger_on_sqlite: Ledger) -> None:
    released(ledger_on_sqlite, people(2))
    ledger_on_sqlite.deliveries.claim(INCIDENT, NOTICE, [EMAIL], 10, LATER)
    with pytest.raises(NotAllowed, match="amends stop"):
        correct(ledger_on_sqlite, people(3))
    assert ledger_on_sqlite.cases.read(INCIDENT).audience.people == 2


def test_what_a_crash_left_behind_is_settled_first(ledger_on_sqlite: Ledger) -> None:
    released(ledger_on_sqlite, people(2))
    marked, _ = ledger_on_sqlite.deliveries.claim(INCIDENT, NOTICE, [EMAIL], 10, NOW)
    ledger_on_sqlite.deliveries.record([marked], (), INCIDENT, NOTICE, NOW)
    correct(ledger_on_sqlite, [with_address(person, f"right{person.number}@mail.example") for person in people(2)])
    assert states(ledger_on_sqlite) == {1: ["uncertain"], 2: ["waiting"]}
    assert addresses(sent(released_again(ledger_on_sqlite))) == ["right2@mail.example"]


def test_a_bounce_that_comes_late_writes_to_nobody_who_is_gone(ledger_on_sqlite: Ledger) -> None:
    ledger = released(ledger_on_sqlite, people(2), cascade=(EMAIL, SMS))
    claims = sent(ledger)
    correct(ledger, people(1))
    reports = [MailReport(ReportKind.FAILED, claim.bounce, "", "5.1.1", "unknown") for claim in claims]
    assert ledger.receipts.take(reports, LATER).handed_over == 1
    assert states(ledger) == {1: ["bounced", "waiting"], 2: ["bounced"]}


@pytest.mark.parametrize("ledger", [pytest.param("postgresql", marks=NEEDS_POSTGRES)], indirect=True)
def test_postgresql_knows_the_length_of_a_list_at_once(ledger: Ledger) -> None:
    """PostgreSQL plans with the right number of people as soon as a list was stored or corrected."""
    opened(ledger, *people(40))
    assert _planned_with(ledger) == 40
    correct(ledger, people(60))
    assert _planned_with(ledger) == 60


def _planned_with(ledger: Ledger) -> int:
    """How many people it believes to hold; without a look at them, it takes those of an incident for very few."""
    with ledger.store.read() as session:
        asked = text("SELECT reltuples FROM pg_class WHERE oid = 'person'::regclass")
        return int(session.execute(asked).scalar_one())


def test_a_bounce_after_a_correction_leads_to_the_right_address(ledger: Ledger) -> None:
    """When an email bounces after the address was corrected, a new email waits and goes to the corrected address."""
    wrong = a_person(number=1, email="wrong@mail.example")._replace(phone="")
    released(ledger, [wrong])
    (claim,) = sent(ledger)
    correct(ledger, [wrong._replace(email="right@mail.example")])
    assert states(ledger) == {1: ["sent"]}
    ledger.receipts.take([MailReport(ReportKind.FAILED, claim.bounce, "", "5.1.1", "unknown")], LATER)
    assert states(ledger) == {1: ["bounced", "waiting"]}
    released_again(ledger)
    (again,) = ledger.deliveries.claim(INCIDENT, NOTICE, [EMAIL], 9, LATER)
    assert again.to is not None
    assert again.to.email == "right@mail.example"
