"""An opt-out stops what is optional at once, and nothing of what people must get."""

import re
import threading
from collections.abc import Collection
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, event, update
from sqlmodel import select

from amends.domain.base.errors import NotAllowed, NotInLedger
from amends.domain.base.value import NAME
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Receipt, Status
from amends.domain.notice.notice import DeliveryState, Draft, PersonState
from amends.domain.people.person import Flag, Person
from amends.domain.team.approval import Decision
from amends.domain.team.member import Member, TeamRole
from amends.ledger import Keys, Ledger
from amends.ledger.people import opt_outs
from amends.ledger.people.opt_outs import opted_out
from amends.ledger.tables.deliver import DeliveryRow
from amends.ledger.tables.notice import NoticeRow
from tests.builders import NOW, a_draft, a_person, a_playbook, a_wording, an_incident
from tests.delivery.sending import looked_over, personal_variants

INCIDENT = "november-breach"
SURVEY = "survey-invitation"
LATER = NOW + timedelta(hours=1)
CHILD, GUARDIAN, ONLY_PHONE, DECEASED = 4, 5, 3, 6
Stands = dict[int, tuple[str, str]]


def people() -> list[Person]:
    return [
        a_person(number=1),
        a_person(number=2, locale="zh-CN"),
        a_person(number=ONLY_PHONE, email=""),
        a_person(number=CHILD, flags=frozenset({Flag.MINOR})),
        a_person(number=GUARDIAN, guardian_of="C-00004"),
        a_person(number=DECEASED, flags=frozenset({Flag.DECEASED})),
    ]


@pytest.fixture
def opened(ledger: Ledger) -> Ledger:
    ledger.incidents.open(an_incident(), people(), "lena", NOW)
    ledger.playbooks.pin(INCIDENT, a_playbook(), a_wording(), "lena", NOW)
    for name in ("omar", "wei"):
        ledger.team.add(name, TeamRole.LEGAL, "lena", NOW)
    return ledger


def release(ledger: Ledger, notice: str = SURVEY, *, optional: bool = True, **changes: object) -> Draft:
    """Draft, approve and release; by email, and by SMS to whom email does not reach."""
    audience = ledger.notices.audience(INCIDENT, "everyone")
    given = {
        "notice": notice,
        "template": notice,
        "audience_digest": audience.digest,
        "people": audience.people,
        "facts_digest": ledger.incidents.facts_digest(INCIDENT),
        "pinned": ledger.cases.read(INCIDENT).pinned,
        "channels": (ChannelKind.EMAIL,),
        "cascade": (ChannelKind.SMS,),
        "variants": tuple(each for each in personal_variants("en", "zh-CN") if each.channel.personal),
        "optional": optional,
    }
    draft = a_draft(**(given | changes))
    ledger.notices.draft(draft, NOW)
    looked_over(ledger, draft)
    for name in ("omar", "wei"):
        member = Member(name=name, role=TeamRole.LEGAL)
        ledger.approvals.decide(INCIDENT, draft.notice, member, Decision.APPROVE, draft.binding, "", NOW)
    return ledger.notices.release(INCIDENT, draft.notice, NOW)


def stands(ledger: Ledger, notice: str = SURVEY) -> Stands:
    """State and reason of each person's message."""
    lines = ledger.statistics.lines(INCIDENT, notice)
    return {line.person: (line.state.value, line.reason) for line in lines if line.person}


def withheld(ledger: Ledger, notice: str = SURVEY) -> set[int]:
    """The people for whom the notice is held because they opted out."""
    return {person for person, (state, why) in stands(ledger, notice).items() if (state, why) == ("held", "opted_out")}


def claim(ledger: Ledger, notice: str = SURVEY, kinds: Collection[ChannelKind] = tuple(ChannelKind)) -> tuple:
    return ledger.deliveries.claim(INCIDENT, notice, kinds, 100, LATER)


def answer(ledger: Ledger, claims: tuple, status: Status, notice: str = SURVEY, *, doubtful: bool = False) -> None:
    ledger.deliveries.record(claims, (), INCIDENT, notice, LATER)
    answers = [(claim, Receipt(claim.key, status, "x", doubtful=doubtful)) for claim in claims]
    ledger.deliveries.record((), answers, INCIDENT, notice, LATER)


def test_a_person_wants_everything_until_they_say_otherwise(opened: Ledger) -> None:
    assert not opened.opt_outs.has(INCIDENT, 1)


def test_an_opt_out_before_the_release_holds_the_optional_notice(opened: Ledger) -> None:
    """An opt-out before the release holds the person's message of an optional notice, with the reason."""
    opened.opt_outs.add(INCIDENT, 1, "test", NOW)
    release(opened)
    assert withheld(opened) == {1}
    assert opened.statistics.people(INCIDENT, SURVEY)[PersonState.HELD] == 2


def test_an_opt_out_withdraws_at_once_what_waits(opened: Ledger) -> None:
    release(opened)
    opened.opt_outs.add(INCIDENT, ONLY_PHONE, "test", LATER)
    assert withheld(opened) == {ONLY_PHONE}
    assert {claim.about.number for claim in claim(opened)} == {1, 2, CHILD, GUARDIAN}


def test_an_opt_out_withdraws_what_was_put_off(opened: Ledger) -> None:
    release(opened)
    answer(opened, claim(opened), Status.DEFERRED)
    opened.opt_outs.add(INCIDENT, 2, "test", LATER)
    assert withheld(opened) == {2}
    assert opened.deliveries.pending(INCIDENT, SURVEY) == 4


def test_an_opted_out_message_maybe_sent_stays_uncertain(opened: Ledger) -> None:
    """After an opt-out, a message that a provider may have is uncertain.

    The message stays so, and is not sent again, when the notice becomes mandatory.
    """
    release(opened)
    answer(opened, claim(opened), Status.DEFERRED, doubtful=True)
    opened.opt_outs.add(INCIDENT, 1, "test", LATER)
    assert stands(opened)[1] == ("uncertain", "may have it: x")
    release(opened, optional=False)
    assert stands(opened)[1] == ("uncertain", "may have it: x")


def test_nobody_else_is_touched_by_an_opt_out(opened: Ledger) -> None:
    release(opened)
    before = stands(opened)
    opened.opt_outs.add(INCIDENT, 1, "test", LATER)
    assert stands(opened) == before | {1: ("held", "opted_out")}


@pytest.mark.parametrize("first", ["opt-out", "release"])
def test_a_mandatory_notice_ignores_an_opt_out(opened: Ledger, first: str) -> None:
    if first == "opt-out":
        opened.opt_outs.add(INCIDENT, 1, "test", NOW)
    release(opened, "update-1", optional=False)
    opened.opt_outs.add(INCIDENT, 1, "test", NOW)
    assert stands(opened, "update-1")[1] == ("waiting", "")
    assert 1 in {claim.about.number for claim in claim(opened, "update-1")}


def test_what_has_left_stays_as_it_is(opened: Ledger) -> None:
    release(opened)
    answer(opened, claim(opened), Status.SENT)
    opened.opt_outs.add(INCIDENT, 1, "test", LATER)
    assert stands(opened)[1] == ("sent", "x")


def test_what_is_in_hand_is_recorded_as_what_became_of_it(opened: Ledger) -> None:
    release(opened)
    in_hand = claim(opened)
    assert len(opened.deliveries.record(in_hand, (), INCIDENT, SURVEY, LATER)) == len(in_hand)
    opened.opt_outs.add(INCIDENT, 1, "test", LATER)
    answer(opened, in_hand, Status.SENT)
    assert stands(opened)[1] == ("sent", "x")


def test_what_is_in_hand_and_not_marked_yet_does_not_leave_any_more(opened: Ledger) -> None:
    release(opened)
    in_hand = claim(opened)
    opened.opt_outs.add(INCIDENT, 1, "test", LATER)
    assert opened.deliveries.record(in_hand, (), INCIDENT, SURVEY, LATER) == frozenset()


def test_what_everybody_must_get_stays_in_hand(opened: Ledger) -> None:
    release(opened, "first-notice", optional=False)
    in_hand = claim(opened, "first-notice")
    opened.opt_outs.add(INCIDENT, 1, "test", LATER)
    assert len(opened.deliveries.record(in_hand, (), INCIDENT, "first-notice", LATER)) == len(in_hand) > 0


def test_what_was_in_hand_and_comes_back_is_held_by_the_next_run(opened: Ledger) -> None:
    release(opened)
    in_hand = claim(opened)
    opened.opt_outs.add(INCIDENT, 1, "test", LATER)
    opened.deliveries.give_back(in_hand, LATER)
    opened.notices.release(INCIDENT, SURVEY, LATER)
    assert withheld(opened) == {1}
    assert stands(opened)[2] == ("waiting", "")


def test_what_comes_back_in_the_same_run_is_not_handed_out_again(opened: Ledger) -> None:
    release(opened)
    in_hand = claim(opened)
    opened.opt_outs.add(INCIDENT, 1, "test", LATER)
    opened.deliveries.give_back(in_hand, LATER)
    assert {claim.about.number for claim in claim(opened)} == {2, ONLY_PHONE, CHILD, GUARDIAN}
    assert withheld(opened) == {1}


def test_the_team_cannot_write_to_who_opted_out(opened: Ledger) -> None:
    opened.opt_outs.add(INCIDENT, 1, "test", NOW)
    release(opened)
    with pytest.raises(NotAllowed, match="only they can change that"):
        opened.decisions.release_held(INCIDENT, SURVEY, 1, Member(name="omar", role=TeamRole.LEGAL), LATER)


@pytest.mark.parametrize("optional", [True, False])
def test_the_preview_counts_who_opted_out_as_the_release_does(opened: Ledger, optional: bool) -> None:
    opened.opt_outs.add(INCIDENT, 1, "test", NOW)
    draft = release(opened, optional=optional)
    assert opened.previews.expected(draft).people == opened.statistics.people(INCIDENT, SURVEY)


def test_a_repeated_opt_out_withdraws_what_came_back_meanwhile(opened: Ledger) -> None:
    """When a person opts out once more, a message that a worker gave back in the meantime is withdrawn at once."""
    release(opened)
    in_hand = claim(opened)
    opened.opt_outs.add(INCIDENT, 1, "test", LATER)
    opened.deliveries.give_back(in_hand, LATER)
    opened.opt_outs.add(INCIDENT, 1, "test", LATER)
    assert withheld(opened) == {1}


def test_a_letter_that_is_still_to_be_printed_is_withdrawn(opened: Ledger) -> None:
    release(opened)
    with opened.store.write() as write:
        paper = {"state": DeliveryState.TO_PRINT, "channel": ChannelKind.LETTER}
        write.change(update(DeliveryRow).where(DeliveryRow.person == 1).values(paper))
    opened.opt_outs.add(INCIDENT, 1, "test", LATER)
    assert withheld(opened) == {1}


def test_who_was_not_reached_and_opted_out_gets_no_sms_instead(opened: Ledger) -> None:
    release(opened)
    in_hand = claim(opened)
    opened.opt_outs.add(INCIDENT, 1, "test", LATER)
    answer(opened, in_hand, Status.REJECTED)
    opened.notices.release(INCIDENT, SURVEY, LATER)
    assert {claim.about.number for claim in claim(opened)} == {2, CHILD, GUARDIAN}


def test_a_reason_that_was_there_before_stays(opened: Ledger) -> None:
    opened.opt_outs.add(INCIDENT, DECEASED, "test", NOW)
    release(opened)
    assert stands(opened)[DECEASED] == ("held", "deceased")


@pytest.mark.parametrize("who", [CHILD, GUARDIAN])
@pytest.mark.parametrize("first", ["opt-out", "release"])
def test_an_opt_out_by_child_or_guardian_counts_for_both(opened: Ledger, who: int, first: str) -> None:
    """An opt-out under the link of a guardian or of the child holds the optional messages for both.

    That holds before and after the release.
    """
    if first == "release":
        release(opened)
    opened.opt_outs.add(INCIDENT, who, "test", NOW)
    if first == "opt-out":
        release(opened)
    assert withheld(opened) == {CHILD, GUARDIAN}
    assert opened.opt_outs.has(INCIDENT, CHILD) and opened.opt_outs.has(INCIDENT, GUARDIAN)


def test_opting_out_again_changes_nothing(opened: Ledger) -> None:
    assert [opened.opt_outs.add(INCIDENT, 1, "test", at) for at in (NOW, LATER)] == [True, False]
    assert [entry.act for entry in opened.audit.entries(INCIDENT)].count("opted out") == 1


def test_the_audit_names_the_number_and_the_way_and_nothing_personal(opened: Ledger) -> None:
    opened.opt_outs.add(INCIDENT, 1, "personal page", NOW)
    entry = opened.audit.entries(INCIDENT)[-1]
    assert (entry.act, entry.subject, entry.detail) == ("opted out", "person 1", {"how": "personal page"})
    assert opened.audit.verify() == ()


def test_who_wants_them_again_gets_the_next_one(opened: Ledger) -> None:
    opened.opt_outs.add(INCIDENT, 1, "test", NOW)
    assert [opened.opt_outs.end(INCIDENT, 1, "test", LATER) for _ in range(2)] == [True, False]
    release(opened)
    assert stands(opened)[1] == ("waiting", "")
    assert opened.audit.entries(INCIDENT)[-1].act != "opted in"
    assert [entry.act for entry in opened.audit.entries(INCIDENT)].count("opted in") == 1


def test_what_was_withdrawn_is_not_sent_late(opened: Ledger) -> None:
    release(opened)
    opened.opt_outs.add(INCIDENT, 1, "test", LATER)
    opened.opt_outs.end(INCIDENT, 1, "test", LATER)
    opened.notices.release(INCIDENT, SURVEY, LATER)
    assert withheld(opened) == {1}


def test_a_notice_comes_to_its_end_with_the_held_ones_counted(opened: Ledger) -> None:
    release(opened)
    for number in (1, CHILD):
        opened.opt_outs.add(INCIDENT, number, "test", LATER)
    answer(opened, claim(opened), Status.SENT)
    assert opened.deliveries.finish(INCIDENT, SURVEY, LATER)
    assert opened.statistics.people(INCIDENT, SURVEY) == {PersonState.SENT: 2, PersonState.HELD: 4}


def test_a_notice_that_became_mandatory_reaches_opted_out_people(opened: Ledger) -> None:
    """A notice that became mandatory also goes to people who opted out, before or after the optional release."""
    opened.opt_outs.add(INCIDENT, 1, "test", NOW)
    release(opened)
    opened.opt_outs.add(INCIDENT, 2, "test", NOW)
    release(opened, optional=False)
    assert {claim.about.number for claim in claim(opened)} == {1, 2, ONLY_PHONE, CHILD, GUARDIAN}


def test_a_mandatory_notice_hands_over_for_an_unreached_opted_out(opened: Ledger) -> None:
    """When an optional notice becomes mandatory, an opted-out person whom email did not reach gets the next channel."""
    release(opened)
    in_hand = claim(opened)
    opened.opt_outs.add(INCIDENT, 1, "test", LATER)
    answer(opened, [one for one in in_hand if one.about.number == 1], Status.REJECTED)
    answer(opened, [one for one in in_hand if one.about.number != 1], Status.SENT)
    opened.notices.release(INCIDENT, SURVEY, LATER)
    release(opened, optional=False)
    assert [(one.about.number, one.channel) for one in claim(opened)] == [(1, ChannelKind.SMS)]


def test_a_notice_that_became_optional_skips_opted_out_people(opened: Ledger) -> None:
    """A mandatory notice that became optional does not go to people who opted out."""
    opened.opt_outs.add(INCIDENT, 1, "test", NOW)
    release(opened, optional=False)
    release(opened)
    assert {claim.about.number for claim in claim(opened)} == {2, ONLY_PHONE, CHILD, GUARDIAN}


@pytest.mark.parametrize("optional", [True, False])
def test_a_returned_message_is_as_optional_as_the_current_version(opened: Ledger, optional: bool) -> None:
    """A message that a worker claimed in an earlier version and gave back is as optional as the current version.

    An opt-out holds the message only where the current version is optional.
    """
    release(opened, optional=not optional)
    in_hand = claim(opened)
    opened.incidents.amend(an_incident(title="Two databases copied"), "lena", LATER)
    release(opened, optional=optional)
    opened.deliveries.give_back(in_hand, LATER)
    opened.opt_outs.add(INCIDENT, 1, "test", LATER)
    told = {claim.about.number for claim in claim(opened)}
    assert (1 in told, withheld(opened)) == ((False, {1}) if optional else (True, set()))


def test_an_opt_out_holds_a_returned_message_that_became_optional(opened: Ledger) -> None:
    """A person opted out while the notice was mandatory, and the notice is optional by now.

    A message to the person that a worker gives back is held.
    """
    release(opened, optional=False)
    in_hand = claim(opened)
    opened.opt_outs.add(INCIDENT, 1, "test", LATER)
    opened.incidents.amend(an_incident(title="Two databases copied"), "lena", LATER)
    release(opened)
    opened.deliveries.give_back(in_hand, LATER)
    assert 1 not in {claim.about.number for claim in claim(opened)}
    assert withheld(opened) == {1}


def test_nobody_can_opt_out_who_is_not_there(opened: Ledger) -> None:
    for incident, person in ((INCIDENT, 99), ("no-such", 1)):
        with pytest.raises(NotInLedger):
            opened.opt_outs.add(incident, person, "test", NOW)
        with pytest.raises(NotInLedger):
            opened.opt_outs.end(incident, person, "test", NOW)


def test_an_opt_out_can_be_recorded_in_a_callers_own_commit(opened: Ledger) -> None:
    """A caller that is already writing can record an opt-out in the same commit; a second opt-out changes nothing."""
    release(opened)
    with opened.store.write() as write:
        assert opted_out(write.session, INCIDENT, 1, LATER)
        assert not opted_out(write.session, INCIDENT, 1, LATER)
    assert withheld(opened) == {1}


def test_each_notice_keeps_its_class(opened: Ledger) -> None:
    release(opened)
    release(opened, "update-1", optional=False)
    with opened.store.read() as session:
        classes = dict(session.exec(select(NoticeRow.notice, NoticeRow.optional)).all())
    assert classes == {SURVEY: True, "update-1": False}


def test_only_optional_messages_carry_a_token_of_their_person(opened: Ledger) -> None:
    """Only optional messages carry an opt-out token, and the token names the person whom the message is about."""
    release(opened)
    release(opened, "update-1", optional=False)
    tokens = {claim.about.number: claim.opt_out for claim in claim(opened)}
    assert {opened.store.keys.opted_out(token) for token in tokens.values()} == {(INCIDENT, who) for who in tokens}
    assert {claim.opt_out for claim in claim(opened, "update-1")} == {""}


def test_what_is_said_to_the_public_carries_no_token(opened: Ledger) -> None:
    release(opened, channels=(ChannelKind.EMAIL, ChannelKind.WEBSITE), variants=personal_variants("en"))
    (page, *_) = claim(opened, kinds=[ChannelKind.WEBSITE])
    assert page.opt_out == ""


def test_a_sample_of_an_optional_draft_looks_like_the_message(opened: Ledger) -> None:
    draft = release(opened)
    (sample,) = opened.previews.samples(draft, 1)
    assert opened.store.keys.opted_out(sample.opt_out) == (INCIDENT, sample.about.number)


def test_an_opt_out_while_messages_are_prepared_is_not_overlooked(
    opened: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes after the people of a page were read and before their messages are stored."""
    read, done = threading.Event(), threading.Event()
    said: list[bool] = []

    def opts_out() -> None:
        read.wait(10)
        said.append(opened.opt_outs.add(INCIDENT, 1, "test", NOW))
        done.set()

    def pause(_: Connection, __: object, statement: str, *___: object) -> None:
        if "email_index" in statement and threading.current_thread() is not asks:
            read.set()
            done.wait(0.5)

    asks = threading.Thread(target=opts_out)
    asks.start()
    event.listen(opened.store.engine, "after_cursor_execute", pause)
    try:
        release(opened)
    finally:
        event.remove(opened.store.engine, "after_cursor_execute", pause)
        asks.join(20)
    assert said == [True]
    assert withheld(opened) == {1}


def test_a_release_and_a_worker_withdrawing_at_once_do_not_deadlock(opened: Ledger) -> None:
    """A release and a worker that withdraw messages at the same moment do not wait for each other."""
    release(opened)
    in_hand = claim(opened)
    opened.opt_outs.add(INCIDENT, 1, "test", LATER)
    opened.deliveries.give_back(in_hand, LATER)
    withdrawn, releasing = threading.Event(), threading.Event()

    def meet(_: Connection, __: object, statement: str, *___: object) -> None:
        if "'held'" in statement and threading.current_thread() is not worker:
            releasing.set()

    def part(_: Connection, __: object, statement: str, *___: object) -> None:
        if "'held'" in statement and threading.current_thread() is worker:
            withdrawn.set()
            releasing.wait(1)

    claimed: list[tuple] = []
    worker = threading.Thread(target=lambda: claimed.append(claim(opened)))
    event.listen(opened.store.engine, "before_cursor_execute", meet)
    event.listen(opened.store.engine, "after_cursor_execute", part)
    worker.start()
    withdrawn.wait(10)
    release(opened, "second-survey")
    worker.join(20)
    assert [len(claims) for claims in claimed] == [4]
    assert (withheld(opened), withheld(opened, "second-survey")) == ({1}, {1})


def test_the_statement_that_withdraws_finds_the_person_by_an_index(ledger_on_sqlite: Ledger) -> None:
    query = opt_outs.WITHDRAW.format(people="person IN (SELECT value FROM json_each(:ids))").replace(":", "@")
    with ledger_on_sqlite.store.engine.connect() as connection:
        values = {"incident": INCIDENT, "cause": "opted_out", "now": "", "ids": "[1]"}
        database = connection.connection.driver_connection
        plan = [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {query}", values)]
    assert "(incident=? AND notice=? AND person=?)" in plan[0]


def test_no_message_is_lost_or_doubled_by_an_opt_out(opened: Ledger) -> None:
    release(opened)
    with opened.store.read() as session:
        before = set(session.exec(select(DeliveryRow.id)))
    opened.opt_outs.add(INCIDENT, 1, "test", LATER)
    opened.notices.release(INCIDENT, SURVEY, LATER)
    with opened.store.read() as session:
        assert set(session.exec(select(DeliveryRow.id))) == before


KEYS = Keys(b"m" * 32)
INCIDENTS = st.from_regex(NAME, fullmatch=True)


@given(INCIDENTS, st.integers(1, 10_000_000))
def test_a_token_names_its_person_and_fits_where_it_stands(incident: str, person: int) -> None:
    token = KEYS.opt_out_token(incident, person)
    assert KEYS.opted_out(token) == (incident, person)
    assert re.fullmatch(r"[A-Za-z0-9_-]{20,200}", token)


def test_an_opt_out_token_is_stable_and_unique_to_each_person() -> None:
    """A person's opt-out token is the same at every try and differs from the token of every other person."""
    tokens = [KEYS.opt_out_token(incident, person) for incident in ("a", "b") for person in range(100)]
    assert len(set(tokens)) == 200
    assert KEYS.opt_out_token("a", 7) == tokens[7]


@given(st.text(max_size=120))
def test_nobody_can_make_a_token_up(token: str) -> None:
    assert KEYS.opted_out(token) is None


@given(st.data())
def test_a_token_that_was_changed_names_nobody(data: st.DataObject) -> None:
    token = KEYS.opt_out_token(INCIDENT, 1)
    place = data.draw(st.integers(0, len(token) - 2))  # the last character has bits that count for nothing
    other = data.draw(st.sampled_from("ABCabc019_-").filter(lambda letter: letter != token[place]))
    assert KEYS.opted_out(token[:place] + other + token[place + 1 :]) is None


def test_a_token_of_another_key_or_another_purpose_names_nobody() -> None:
    assert KEYS.opted_out(Keys(b"n" * 32).opt_out_token(INCIDENT, 1)) is None
    assert KEYS.opted_out(KEYS.link_token(INCIDENT, 1, 1)) is None
    assert KEYS.opted_out(KEYS.bounce_token(1, "0" * 32)) is None


def test_a_token_opens_no_page(opened: Ledger) -> None:
    assert opened.people.whose_link(opened.store.keys.opt_out_token(INCIDENT, 1)) is None
