"""Paper letters: who gets one, that each is handed over once, that a batch can be written again, and what comes back."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from datetime import timedelta

import pytest
from sqlalchemy import text

from amends.domain.base.errors import ApprovalMissing, KeyMissing, NotAllowed, NotInLedger
from amends.domain.base.value import Span
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Receipt, Status
from amends.domain.deliver.correction import Ask
from amends.domain.law.addendum import Addenda, Addendum
from amends.domain.notice.notice import NoticeStage, PersonState, Reader
from amends.domain.people.person import Flag, Person
from amends.domain.playbook.playbook import Waves
from amends.domain.team.member import Member, TeamRole
from amends.ledger import Claim, Ledger
from amends.ledger.deliver.letters import LetterBatch, Moved, Returned, reference_of
from amends.ledger.people.people import as_written
from amends.ledger.tables.notice import RestoredNoticeRow
from tests.builders import NOW, a_person, a_playbook, a_variant, a_wording, an_incident
from tests.delivery.sending import FAR_AHEAD, INCIDENT, NOTICE, approved, approved_again, personal_variants
from tests.rewriting import move

EMAIL, SMS, LETTER, WEBSITE = ChannelKind.EMAIL, ChannelKind.SMS, ChannelKind.LETTER, ChannelKind.WEBSITE
TO_THE_LETTER = {"channels": (WEBSITE, EMAIL), "cascade": (EMAIL, SMS, LETTER)}
OMAR = Member(name="omar", role=TeamRole.LEGAL)
ROSA = Member(name="rosa", role=TeamRole.RESPONDER)
LATER = NOW + timedelta(hours=1)
HOME = "Example Street 1\n10115 Berlin\nGermany"


def by_post(number: int, **changes: object) -> Person:
    return a_person(number=number, **({"email": "", "phone": "", "postal_address": HOME} | changes))


def people() -> list[Person]:
    return [
        a_person(number=1, postal_address=HOME),
        by_post(2),
        by_post(3, locale="zh-CN", country="CN"),
        by_post(4, postal_address=""),
        by_post(5, flags=frozenset({Flag.DECEASED})),
        by_post(6, flags=frozenset({Flag.MINOR}), postal_address=""),
        by_post(7, guardian_of="C-00006", data=()),
    ]


def released(ledger: Ledger, audience: Iterable[Person] | None = None, **changes: object) -> Ledger:
    approved(ledger, people() if audience is None else audience, **(TO_THE_LETTER | changes))
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    return ledger


def states(ledger: Ledger, channel: ChannelKind = LETTER) -> dict[int, str]:
    return {
        line.person: line.state.value for line in ledger.statistics.lines(INCIDENT, NOTICE) if line.channel is channel
    }


def answer(ledger: Ledger, status: Status, *channels: ChannelKind) -> None:
    while claims := ledger.deliveries.claim(INCIDENT, NOTICE, channels, 100, LATER):
        ledger.deliveries.record(claims, (), INCIDENT, NOTICE, LATER)
        ledger.deliveries.record(
            (), [(claim, Receipt(claim.key, status, "x")) for claim in claims], INCIDENT, NOTICE, LATER
        )


def taken(ledger: Ledger) -> int:
    batch = ledger.letters.take(INCIDENT, NOTICE, OMAR, LATER)
    return batch.letters if batch else 0


def letters(ledger: Ledger, batch: int = 1) -> list[Claim]:
    return list(ledger.letters.of_batch(INCIDENT, NOTICE, batch))


# Who gets one.


def test_people_with_only_a_postal_address_get_a_letter_to_print(ledger: Ledger) -> None:
    """Each person who has only a postal address gets a letter, which waits until a team member has it printed."""
    assert states(released(ledger)) == {2: "to_print", 3: "to_print", 6: "to_print"}


def test_a_child_is_written_to_at_the_guardians_address(ledger_on_sqlite: Ledger) -> None:
    released(ledger_on_sqlite)
    taken(ledger_on_sqlite)
    child = next(claim for claim in letters(ledger_on_sqlite) if claim.about and claim.about.number == 6)
    assert child.to
    assert (child.to.number, child.to.postal_address, child.text.reader) == (7, HOME, Reader.GUARDIAN)


def test_a_letter_is_next_when_email_and_sms_have_failed(ledger: Ledger) -> None:
    released(ledger)
    answer(ledger, Status.REJECTED, EMAIL)
    assert 1 not in states(ledger)
    answer(ledger, Status.REJECTED, SMS)
    assert states(ledger)[1] == "to_print"


def test_nobody_gets_one_without_a_letter_in_the_cascade(ledger_on_sqlite: Ledger) -> None:
    assert states(released(ledger_on_sqlite, cascade=(EMAIL, SMS))) == {}


def test_people_of_before_have_no_index_and_get_none(ledger: Ledger) -> None:
    approved(ledger, people(), **TO_THE_LETTER)
    with ledger.store.write() as write:
        write.session.execute(text("UPDATE person SET postal_index = NULL"))
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    assert states(ledger) == {}
    assert states(ledger, EMAIL)[2] == "unreachable"


def test_an_address_is_the_same_however_it_is_spaced_and_cased() -> None:
    same = ["Example  Street 1\n10115 Berlin", "EXAMPLE STREET 1 10115 BERLIN", "Ｅxample Street 1\r\n10115 berlin "]
    assert len({as_written(one) for one in same}) == 1


def test_no_engine_may_claim_a_letter(ledger: Ledger) -> None:
    released(ledger)
    assert ledger.deliveries.claim(INCIDENT, NOTICE, [LETTER], 100, LATER) == ()
    assert ledger.deliveries.pending(INCIDENT, NOTICE) == 5  # two pages, two posts and the email to person 1


def test_a_notice_finishes_although_letters_wait_to_be_printed(ledger: Ledger) -> None:
    """A notice is finished although letters wait to be printed; the people of those letters count as waiting."""
    released(ledger)
    answer(ledger, Status.SENT, *(kind for kind in ChannelKind if kind is not LETTER))
    assert ledger.deliveries.finish(INCIDENT, NOTICE, LATER)
    notice = ledger.cases.read(INCIDENT).notice(NOTICE)
    assert notice
    assert notice.stage is NoticeStage.SENT
    assert notice.people == {
        PersonState.SENT: 1,
        PersonState.WAITING: 3,
        PersonState.UNREACHABLE: 1,
        PersonState.HELD: 2,
    }


# What binds.


def test_the_cascade_with_a_letter_is_bound_by_the_approval(ledger_on_sqlite: Ledger) -> None:
    draft = approved(ledger_on_sqlite, people(), **TO_THE_LETTER)
    assert draft.binding != draft.model_copy(update={"cascade": (EMAIL, SMS)}).binding


def test_another_email_text_is_another_letter_and_voids_the_approval(ledger_on_sqlite: Ledger) -> None:
    draft = approved(ledger_on_sqlite, people(), **TO_THE_LETTER)
    other = (*personal_variants("zh-CN"), a_variant(text="Something else."))
    assert draft.binding != draft.model_copy(update={"variants": other}).binding


def test_the_preview_knows_how_many_have_only_a_postal_address(ledger_on_sqlite: Ledger) -> None:
    draft = approved(ledger_on_sqlite, people(), **TO_THE_LETTER)
    expected = ledger_on_sqlite.previews.expected(draft)
    assert (expected.letters, expected.people[PersonState.WAITING]) == (3, 4)


# Handing over.


def test_a_batch_is_handed_over_once_and_marked(ledger: Ledger) -> None:
    released(ledger)
    assert ledger.letters.to_print(INCIDENT, NOTICE) == 3
    assert ledger.letters.take(INCIDENT, NOTICE, OMAR, LATER) == LetterBatch(1, 3, 0)
    assert states(ledger) == {2: "sent", 3: "sent", 6: "sent"}
    assert ledger.letters.take(INCIDENT, NOTICE, OMAR, LATER) is None
    assert ledger.letters.to_print(INCIDENT, NOTICE) == 0


def test_a_letter_knows_its_batch_and_has_no_id_of_a_provider(ledger: Ledger) -> None:
    released(ledger)
    taken(ledger)
    with ledger.store.read() as session:
        query = "SELECT DISTINCT channel, batch, provider_id FROM delivery WHERE state = 'sent' OR channel = 'email'"
        assert set(session.execute(text(query)).all()) == {("letter", 1, ""), ("email", None, "")}


def test_the_next_batch_holds_only_what_is_new(ledger: Ledger) -> None:
    released(ledger)
    taken(ledger)
    answer(ledger, Status.REJECTED, EMAIL)
    answer(ledger, Status.REJECTED, SMS)
    assert ledger.letters.take(INCIDENT, NOTICE, OMAR, LATER) == LetterBatch(2, 1, 0)
    assert [[letter.about.number for letter in letters(ledger, batch) if letter.about] for batch in (1, 2)] == [
        [2, 3, 6],
        [1],
    ]


def test_two_who_hand_over_at_once_never_hand_over_the_same_letter(ledger: Ledger) -> None:
    released(ledger, [by_post(number) for number in range(1, 30)])
    others = [copy(ledger) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        counted = list(pool.map(taken, others))
    for other in others:
        other.dispose()
    assert sorted(counted) == [0, 0, 0, 29]


def test_a_batch_of_many_pages_holds_everybody_once(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    released(ledger, [by_post(number) for number in range(1, 24)])
    taken(ledger)
    monkeypatch.setattr("amends.ledger.deliver.letters.CHUNK", 5)
    assert [letter.about.number for letter in letters(ledger) if letter.about] == list(range(1, 24))


def test_a_batch_written_again_keeps_its_words_despite_new_approvals(ledger: Ledger) -> None:
    """A batch of letters that is written again has its old facts, keys, links and addenda.

    That also holds when a new version was approved and released since.
    """
    first = released(ledger) and letters_taken(ledger)
    old = ledger.letters.printed_from(INCIDENT, NOTICE, 1)
    ledger.incidents.amend(an_incident(title="Two databases copied"), "lena", LATER)
    approved_again(ledger, **TO_THE_LETTER, variants=(*personal_variants("en", "zh-CN"), a_variant(addendum="us")))
    ledger.notices.release(INCIDENT, NOTICE, LATER)
    assert ledger.letters.printed_from(INCIDENT, NOTICE, 1) == old
    assert old.incident.title != "Two databases copied"
    assert [(letter.key, letter.link, letter.text.addendum) for letter in letters(ledger)] == first


def letters_taken(ledger: Ledger) -> list[tuple[str, str, str]]:
    taken(ledger)
    return [(letter.key, letter.link, letter.text.addendum) for letter in letters(ledger)]


def test_waiting_letters_are_printed_with_a_new_versions_text(ledger: Ledger) -> None:
    """Letters that still wait when a new version is released are printed with the text of the new version."""
    released(ledger)
    ledger.incidents.amend(an_incident(title="Two databases copied"), "lena", LATER)
    approved_again(ledger, **TO_THE_LETTER)
    ledger.notices.release(INCIDENT, NOTICE, LATER)
    taken(ledger)
    assert ledger.letters.printed_from(INCIDENT, NOTICE, 1).incident.title == "Two databases copied"


def test_no_letter_is_handed_over_after_the_approved_facts_changed(ledger_on_sqlite: Ledger) -> None:
    """No letter is handed over when the facts changed after the approval; every letter still waits to be printed."""
    released(ledger_on_sqlite)
    ledger_on_sqlite.incidents.amend(an_incident(title="Two databases copied"), "lena", LATER)
    with pytest.raises(ApprovalMissing):
        taken(ledger_on_sqlite)
    assert set(states(ledger_on_sqlite).values()) == {"to_print"}


def test_nothing_is_handed_over_while_the_incident_is_paused(ledger_on_sqlite: Ledger) -> None:
    released(ledger_on_sqlite)
    ledger_on_sqlite.incidents.pause(INCIDENT, "lena", LATER)
    with pytest.raises(NotAllowed, match="paused"):
        taken(ledger_on_sqlite)


def test_a_responder_may_not_carry_addresses_out_of_the_ledger(ledger_on_sqlite: Ledger) -> None:
    released(ledger_on_sqlite)
    with pytest.raises(NotAllowed, match="role"):
        ledger_on_sqlite.letters.take(INCIDENT, NOTICE, ROSA, LATER)
    taken(ledger_on_sqlite)
    with pytest.raises(NotAllowed, match="role"):
        ledger_on_sqlite.letters.take_again(INCIDENT, NOTICE, 1, ROSA, LATER)


def test_a_letter_without_an_approved_text_for_its_place_waits(ledger: Ledger) -> None:
    released(ledger, [by_post(1), by_post(2)])
    letters_of_places = Addenda(whole=("first-notice",), addenda=(Addendum(id="us", places=("US",)),))
    ledger.playbooks.pin(INCIDENT, a_playbook(), a_wording(addenda=letters_of_places), "lena", LATER)
    approved_again(ledger, **TO_THE_LETTER)
    move(ledger, INCIDENT, 2, country="US")  # after it was approved
    ledger.notices.release(INCIDENT, NOTICE, LATER)
    assert taken(ledger) == 1
    assert states(ledger) == {1: "sent", 2: "to_print"}


def test_a_letter_is_chosen_anew_for_the_place_when_it_is_handed_over(ledger: Ledger) -> None:
    released(ledger, [by_post(1), by_post(2, country="US")])
    letters_of_places = Addenda(whole=("first-notice",), addenda=(Addendum(id="us", places=("US",)),))
    ledger.playbooks.pin(INCIDENT, a_playbook(), a_wording(addenda=letters_of_places), "lena", LATER)
    approved_again(ledger, **TO_THE_LETTER, variants=(*personal_variants("en", "zh-CN"), a_variant(addendum="us")))
    ledger.notices.release(INCIDENT, NOTICE, LATER)
    assert taken(ledger) == 2
    assert [letter.text.addendum for letter in letters(ledger)] == ["general", "us"]


def test_a_parked_letter_that_is_tried_again_waits_to_be_printed(ledger: Ledger) -> None:
    released(ledger)
    with ledger.store.write() as write:
        sealed = write.session.execute(text("SELECT sealed FROM person WHERE number = 2")).scalar_one()
        write.session.execute(text("UPDATE person SET sealed = :other WHERE number = 2"), {"other": sealed[::-1]})
    taken(ledger)
    assert states(ledger)[2] == "parked"
    with ledger.store.write() as write:
        write.session.execute(text("UPDATE person SET sealed = :mended WHERE number = 2"), {"mended": sealed})
    ledger.decisions.try_parked(INCIDENT, NOTICE, 2, OMAR, LATER)
    assert taken(ledger) == 1


def test_a_parked_letter_is_to_be_printed_after_a_new_release(ledger: Ledger) -> None:
    """A parked letter is to be printed when a new version of the notice is released."""
    released(ledger)
    spoilt(ledger, 2)
    taken(ledger)
    assert states(ledger)[2] == "parked"
    approved_again(ledger, next_news_at=FAR_AHEAD + timedelta(hours=1), **TO_THE_LETTER)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    assert states(ledger)[2] == "to_print"


def spoilt(ledger: Ledger, person: int) -> None:
    """The stored data of this person was damaged."""
    with ledger.store.write() as write:
        sealed = write.session.execute(text("SELECT sealed FROM person WHERE number = :n"), {"n": person}).scalar_one()
        other = {"other": sealed[::-1], "n": person}
        write.session.execute(text("UPDATE person SET sealed = :other WHERE number = :n"), other)


def test_a_batch_with_damaged_data_names_the_person_and_the_remedy(ledger_on_sqlite: Ledger) -> None:
    """Writing a batch again names a person whose stored data was damaged, and the command that mends the data.

    After a corrected list, the batch is the same as before the damage.
    """
    released(ledger_on_sqlite, [by_post(1), by_post(2)])
    before = letters_taken(ledger_on_sqlite)
    spoilt(ledger_on_sqlite, 2)
    with pytest.raises(KeyMissing, match=r"person 2 .*`amends audience correct` with a list that has them mends it"):
        letters(ledger_on_sqlite)
    corrected(ledger_on_sqlite, by_post(1), by_post(2))
    assert [(letter.key, letter.link, letter.text.addendum) for letter in letters(ledger_on_sqlite)] == before
    assert ledger_on_sqlite.letters.moved_since(INCIDENT, NOTICE, 1) == ()


IN_WAVES = Waves(size=2, pause=Span.parse("2h"))


def test_letters_leave_in_the_waves_of_their_notice(ledger: Ledger) -> None:
    released(ledger, [by_post(number) for number in range(1, 6)], waves=IN_WAVES)
    taken_at = [ledger.letters.take(INCIDENT, NOTICE, OMAR, NOW + timedelta(hours=hours)) for hours in (1, 1, 2, 4)]
    assert taken_at == [LetterBatch(1, 2, 0), None, LetterBatch(2, 2, 0), LetterBatch(3, 1, 0)]
    assert [[letter.about.number for letter in letters(ledger, n) if letter.about] for n in (1, 2, 3)] == [
        [1, 2],
        [3, 4],
        [5],
    ]


def test_whose_wave_has_not_begun_is_not_parked_either(ledger_on_sqlite: Ledger) -> None:
    released(ledger_on_sqlite, [by_post(number) for number in range(1, 4)], waves=IN_WAVES)
    spoilt(ledger_on_sqlite, 3)
    assert taken(ledger_on_sqlite) == 2
    assert states(ledger_on_sqlite)[3] == "to_print"


def test_a_batch_leaves_out_letters_whose_address_was_corrected(ledger: Ledger) -> None:
    """A batch that is written again leaves out the letters that go elsewhere since a corrected list.

    The letters of a child go elsewhere when the guardian's address was corrected; the references of all are named.
    """
    child = by_post(3, flags=frozenset({Flag.MINOR}), postal_address="")
    guardian = by_post(4, guardian_of="C-00003", data=())
    released(ledger, [by_post(1), by_post(2), child, guardian])
    taken(ledger)
    references = {letter.about.number: reference_of(letter.key) for letter in letters(ledger) if letter.about}
    moved, elsewhere = guardian._replace(postal_address="Neue Straße 5"), by_post(2, postal_address="Neue Straße 6")
    corrected(ledger, by_post(1), elsewhere, child, moved)
    left_out = tuple(Moved(person, references[person]) for person in (2, 3))
    assert ledger.letters.moved_since(INCIDENT, NOTICE, 1) == left_out
    assert [letter.about.number for letter in letters(ledger) if letter.about] == [1]


def test_a_letter_to_a_corrected_address_has_its_own_reference(ledger: Ledger) -> None:
    """A letter that is written again to a corrected address has a new reference.

    The old batch leaves the person out when written again, and a second report of the old reference hands over nothing.
    """
    released(ledger, [by_post(1), by_post(2)])
    taken(ledger)
    corrected(ledger, by_post(1), by_post(2, postal_address="Neue Straße 6"))
    (moved,) = ledger.letters.moved_since(INCIDENT, NOTICE, 1)
    assert ledger.letters.returned(INCIDENT, NOTICE, moved.reference, LATER).handed_over
    assert taken(ledger) == 1
    (fresh,) = letters(ledger, 2)
    assert reference_of(fresh.key) != moved.reference
    assert [letter.about.number for letter in letters(ledger) if letter.about] == [1]
    assert ledger.letters.moved_since(INCIDENT, NOTICE, 1) == ()
    assert not ledger.letters.returned(INCIDENT, NOTICE, moved.reference, LATER).handed_over


def test_a_batch_that_there_is_not_is_named_with_those_there_are(ledger_on_sqlite: Ledger) -> None:
    released(ledger_on_sqlite)
    taken(ledger_on_sqlite)
    with pytest.raises(NotInLedger, match="no batch 2 of letters; there are 1"):
        ledger_on_sqlite.letters.take_again(INCIDENT, NOTICE, 2, OMAR, LATER)


def test_who_handed_over_stands_in_the_audit(ledger_on_sqlite: Ledger) -> None:
    released(ledger_on_sqlite)
    taken(ledger_on_sqlite)
    ledger_on_sqlite.letters.take_again(INCIDENT, NOTICE, 1, OMAR, LATER)
    acts = [(entry.act, entry.actor) for entry in ledger_on_sqlite.audit.entries(INCIDENT)][-2:]
    assert acts == [("letters handed over", "omar"), ("letters written again", "omar")]


# What comes back.


def reference(ledger: Ledger, person: int) -> str:
    return next(
        reference_of(letter.key) for letter in letters(ledger) if letter.about and letter.about.number == person
    )


def test_a_letter_that_came_back_leaves_its_person_unreached(ledger: Ledger) -> None:
    released(ledger)
    taken(ledger)
    before = ledger.statistics.numbers(INCIDENT, NOTICE).reach.unreached
    assert ledger.letters.returned(INCIDENT, NOTICE, reference(ledger, 2), LATER, "omar").person == 2
    assert states(ledger)[2] == "bounced"
    assert before == {"DE": 1}
    assert ledger.statistics.numbers(INCIDENT, NOTICE).reach.unreached == {"DE": 2}
    assert ledger.letters.batches(INCIDENT, NOTICE) == (LetterBatch(1, 3, 1),)


def test_to_say_twice_that_it_came_back_changes_nothing(ledger_on_sqlite: Ledger) -> None:
    released(ledger_on_sqlite)
    taken(ledger_on_sqlite)
    again = [
        ledger_on_sqlite.letters.returned(INCIDENT, NOTICE, f" {reference(ledger_on_sqlite, 2).upper()} ", LATER).person
        for _ in range(2)
    ]
    assert again == [2, 2]
    returned = [entry for entry in ledger_on_sqlite.audit.entries(INCIDENT) if entry.act == "letter returned"]
    assert len(returned) == 1


def test_a_returned_letter_is_still_in_its_batch(ledger_on_sqlite: Ledger) -> None:
    released(ledger_on_sqlite)
    before = letters_taken(ledger_on_sqlite)
    ledger_on_sqlite.letters.returned(INCIDENT, NOTICE, reference(ledger_on_sqlite, 2), LATER)
    assert [(letter.key, letter.link, letter.text.addendum) for letter in letters(ledger_on_sqlite)] == before


def corrected(ledger: Ledger, *people: Person) -> None:
    """This list is in force now, and the notice approved for it."""
    found = ledger.corrections.compare(INCIDENT, people)
    ledger.corrections.apply(found, {Ask.CHANGED: len(found.difference.changes)}, "f" * 64, "maya", LATER)
    approved_again(ledger, **TO_THE_LETTER)
    ledger.notices.release(INCIDENT, NOTICE, LATER)


def test_a_returned_letter_is_written_again_to_a_corrected_address(ledger: Ledger) -> None:
    """A letter that comes back after its address was corrected is written again, to the corrected address."""
    released(ledger, [by_post(2)])
    taken(ledger)
    came_back = reference(ledger, 2)
    corrected(ledger, by_post(2, postal_address="Neue Straße 5\n20095 Hamburg"))
    ledger.letters.returned(INCIDENT, NOTICE, came_back, LATER)
    assert taken(ledger) == 1
    assert [letter.to.postal_address for letter in letters(ledger, 2) if letter.to] == ["Neue Straße 5\n20095 Hamburg"]


def test_a_returned_letter_is_followed_by_the_next_channel_once(ledger: Ledger) -> None:
    """When a letter comes back, the next channel takes over; a second report of the same letter hands over nothing."""
    released(ledger, [by_post(2)], cascade=(LETTER, EMAIL, SMS))
    taken(ledger)
    came_back = reference(ledger, 2)
    with ledger.store.write() as write:  # as a corrected list does for a person whom a letter told
        write.session.execute(text("UPDATE person SET email_index = :index WHERE number = 2"), {"index": b"m" * 32})
    said = [ledger.letters.returned(INCIDENT, NOTICE, came_back, LATER).handed_over for _ in range(2)]
    assert said == [True, False]
    assert states(ledger, EMAIL) == {2: "waiting"}


def test_a_sent_notice_goes_on_when_a_returned_letter_hands_over(ledger: Ledger) -> None:
    """A notice that was sent is being sent again when a letter comes back and another channel takes over."""
    released(ledger, [by_post(2)])
    taken(ledger)
    came_back = reference(ledger, 2)
    corrected(ledger, by_post(2, email="new@mail.example"))
    for channel in (WEBSITE, ChannelKind.SOCIAL):
        answer(ledger, Status.SENT, channel)
    ledger.deliveries.finish(INCIDENT, NOTICE, LATER)
    ledger.letters.returned(INCIDENT, NOTICE, came_back, LATER)
    notice = ledger.cases.read(INCIDENT).notice(NOTICE)
    assert notice
    assert notice.stage is NoticeStage.SENDING
    assert states(ledger, EMAIL) == {2: "waiting"}


def test_a_letter_that_comes_back_after_the_end_calls_for_a_person(ledger_on_sqlite: Ledger) -> None:
    released(ledger_on_sqlite, [by_post(2)])
    taken(ledger_on_sqlite)
    came_back = reference(ledger_on_sqlite, 2)
    corrected(ledger_on_sqlite, by_post(2, postal_address="Neue Straße 5\n20095 Hamburg"))
    ledger_on_sqlite.incidents.close(INCIDENT, "lena", LATER)
    ledger_on_sqlite.letters.returned(INCIDENT, NOTICE, came_back, LATER)
    alerts = [entry.subject for entry in ledger_on_sqlite.audit.entries(INCIDENT) if entry.act == "alert"]
    assert [alert for alert in alerts if "came back after the end" in alert]


def test_a_returned_letter_says_when_the_next_message_is_in_doubt(ledger_on_sqlite: Ledger) -> None:
    """When a letter comes back, the answer says so if the next message may have been sent before a restore.

    That message is uncertain and does not go out by itself.
    """
    released(ledger_on_sqlite, [by_post(2)])
    taken(ledger_on_sqlite)
    came_back = reference(ledger_on_sqlite, 2)
    corrected(ledger_on_sqlite, by_post(2, email="new@mail.example"))
    with ledger_on_sqlite.store.write() as write:
        write.session.add(RestoredNoticeRow(incident=INCIDENT, notice=NOTICE, may_have_left="email"))
    said = ledger_on_sqlite.letters.returned(INCIDENT, NOTICE, came_back, LATER)
    assert said == Returned(2, handed_over=True, in_doubt=True)
    assert states(ledger_on_sqlite, EMAIL) == {2: "uncertain"}


def test_what_was_never_handed_over_cannot_come_back(ledger_on_sqlite: Ledger) -> None:
    released(ledger_on_sqlite)
    key = ledger_on_sqlite.store.keys.message_key(INCIDENT, NOTICE, 2, "letter", b"x")
    with pytest.raises(NotInLedger, match="no letter"):
        ledger_on_sqlite.letters.returned(INCIDENT, NOTICE, reference_of(key), LATER)


def test_counts_go_by_the_home_of_the_person_concerned(ledger: Ledger) -> None:
    audience = [by_post(1, country="US", region="CA", postal_address=""), by_post(2, country="US", region="NV")]
    counts = released(ledger, audience).statistics.numbers(INCIDENT, NOTICE).reach
    assert (counts.people, counts.unreached) == ({"US-CA": 1, "US-NV": 1}, {"US-CA": 1})


def test_the_page_is_up_since_it_was_put_up(ledger_on_sqlite: Ledger) -> None:
    released(ledger_on_sqlite)
    assert ledger_on_sqlite.statistics.page_up_since(INCIDENT, NOTICE) is None
    answer(ledger_on_sqlite, Status.DELIVERED, WEBSITE)
    assert ledger_on_sqlite.statistics.page_up_since(INCIDENT, NOTICE) == LATER
