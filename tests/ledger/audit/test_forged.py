"""Whoever can write to the database sends nothing that nobody approved, and hides nothing from `amends audit verify`."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import text

from amends.domain.base.errors import ApprovalMissing, LedgerAltered
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Receipt, Status
from amends.domain.notice.notice import Draft
from amends.domain.team.approval import Decision
from amends.domain.team.member import Member, TeamRole
from amends.ledger import Claim, Ledger
from tests.builders import NOW, a_person
from tests.delivery.sending import APPROVERS, INCIDENT, NOTICE, approved

PEOPLE = 6
OMAR, WEI = APPROVERS
CHANNELS = tuple(ChannelKind)
ALSO = Member(name="kim", role=TeamRole.LEGAL)


@pytest.fixture
def draft(ledger: Ledger) -> Draft:
    """The first notice, approved by two members and not released yet."""
    return approved(ledger, [a_person(number=number) for number in range(1, PEOPLE + 1)])


def forge(ledger: Ledger, *statements: str) -> None:
    """Do this with the database's own tools."""
    with ledger.store.engine.execution_options(writes=True).begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def release(ledger: Ledger) -> None:
    ledger.notices.release(INCIDENT, NOTICE, NOW)


def claim(ledger: Ledger) -> tuple[Claim, ...]:
    return ledger.deliveries.claim(INCIDENT, NOTICE, CHANNELS, 100, NOW)


def answer(ledger: Ledger, claims: tuple[Claim, ...]) -> None:
    """All of these leave, and their providers take them."""
    ledger.deliveries.record(claims, (), INCIDENT, NOTICE, NOW)
    receipts = [(one, Receipt(one.key, Status.SENT, "250")) for one in claims]
    ledger.deliveries.record((), receipts, INCIDENT, NOTICE, NOW)


def send(ledger: Ledger) -> tuple[Claim, ...]:
    """Everybody is sent the notice."""
    release(ledger)
    claims = claim(ledger)
    answer(ledger, claims)
    ledger.deliveries.end_leases(sorted({one.lease for one in claims}), {"sent": len(claims)}, INCIDENT, NOTICE, NOW)
    return claims


def found(ledger: Ledger) -> str:
    """The findings of `amends audit verify`."""
    return "\n".join((*ledger.audit.verify(), *ledger.audit.disagreements(), *ledger.audit.miscounted()))


def test_what_amends_has_written_agrees(ledger: Ledger, draft: Draft) -> None:
    send(ledger)
    assert found(ledger) == ""


# Approvals.

INSERTED = """
INSERT INTO vote (id, seal, incident, kind, about, version, binding, member, role, says, reason, detail, at, given_by)
SELECT 90{number}, {seal}, incident, 'notice', notice, version, binding, '{member}', '{role}', 'approve', '', '{{}}',
    drafted_at, ''
FROM notice WHERE notice = 'first-notice'
"""
NO_SEAL = {"sqlite": "x'00'", "postgresql": "'\\x00'::bytea"}


def inserted(ledger: Ledger, member: Member, number: int, seal: str = "") -> str:
    seal = seal or NO_SEAL[ledger.store.engine.dialect.name]
    return INSERTED.format(number=number, seal=seal, member=member.name, role=member.role)


@pytest.mark.parametrize("real", [0, 1])
def test_inserted_approvals_send_nothing(ledger: Ledger, draft: Draft, real: int) -> None:
    """The notice stays where it is with two inserted approvals, and with one beside a real one."""
    gone = APPROVERS[real:]
    forge(ledger, *(f"DELETE FROM vote WHERE member = '{one.name}'" for one in gone))
    forge(ledger, *(inserted(ledger, one, number) for number, one in enumerate(gone)))
    with pytest.raises(LedgerAltered, match="first-notice, 1, wei"):
        release(ledger)
    assert re.search(
        "november-breach, notice, first-notice, 1, wei, [0-9a-f]+ of table vote was altered", found(ledger)
    )


def test_an_approval_of_one_member_is_none_of_another(ledger: Ledger, draft: Draft) -> None:
    """An approval copied to another member, with its seal, counts for nobody."""
    forge(ledger, "DELETE FROM vote WHERE member = 'wei'")
    seal = "(SELECT seal FROM vote WHERE member = 'omar')"
    forge(ledger, inserted(ledger, WEI, 1, seal))
    with pytest.raises(LedgerAltered):
        release(ledger)
    assert re.search("wei, [0-9a-f]+ of table vote was altered", found(ledger))


def test_an_approval_that_was_taken_back_does_not_come_back(ledger: Ledger, draft: Draft) -> None:
    """The row of an approval, kept and put in the place of the rejection after it, stops the release."""
    keep = "CREATE TABLE kept AS SELECT * FROM vote WHERE member = 'omar'"
    forge(ledger, keep)
    ledger.approvals.decide(INCIDENT, NOTICE, OMAR, Decision.REJECT, draft.binding, "no", NOW)
    with pytest.raises(ApprovalMissing, match="rejected"):
        release(ledger)
    forge(ledger, "DELETE FROM vote WHERE member = 'omar'", "INSERT INTO vote SELECT * FROM kept", "DROP TABLE kept")
    with pytest.raises(LedgerAltered, match=r"omar, [0-9a-f]+ of table vote is not what the audit chain knows"):
        release(ledger)
    assert re.search("omar, [0-9a-f]+ of table vote is not what the audit chain knows", found(ledger))


def test_a_deleted_rejection_is_missed(ledger: Ledger, draft: Draft) -> None:
    ledger.team.add(ALSO.name, ALSO.role, "lena", NOW)
    ledger.approvals.decide(INCIDENT, NOTICE, ALSO, Decision.REJECT, draft.binding, "no", NOW)
    forge(ledger, "DELETE FROM vote WHERE member = 'kim'")
    with pytest.raises(LedgerAltered, match=r"kim, [0-9a-f]+ of table vote is gone"):
        release(ledger)
    assert re.search("kim, [0-9a-f]+ of table vote is gone, and the audit chain knows of no", found(ledger))


# Members.


def test_a_token_belongs_to_one_member(ledger: Ledger, draft: Draft) -> None:
    """A member's token, copied to another member, opens nothing in the other's name."""
    token = ledger.team.add(ALSO.name, ALSO.role, "lena", NOW)
    forge(
        ledger, "UPDATE member SET token_hash = (SELECT token_hash FROM member WHERE name = 'kim') WHERE name = 'wei'"
    )
    with pytest.raises(LedgerAltered, match="wei of table member"):
        ledger.team.authenticate("wei", token)
    assert "the row wei of table member was altered" in found(ledger)


@pytest.mark.parametrize("change", ["role = 'incident_lead'", "active = false", "deputy = 'kim'", "name = 'eve'"])
def test_no_member_is_changed_from_outside(ledger: Ledger, draft: Draft, change: str) -> None:
    ledger.team.add(ALSO.name, ALSO.role, "lena", NOW)
    forge(ledger, f"UPDATE member SET {change} WHERE name = 'kim'")
    with pytest.raises(LedgerAltered, match="of table member"):
        release(ledger)
    assert "of table member was altered" in found(ledger)


# Releases, drafts and what they rest on.


def test_a_notice_is_not_released_by_a_row(ledger: Ledger, draft: Draft) -> None:
    """A release row, a stage and messages that somebody made send nothing."""
    forge(ledger, "DELETE FROM vote")
    seal = NO_SEAL[ledger.store.engine.dialect.name]
    forge(
        ledger,
        "UPDATE notice SET stage = 'sending'",
        f"INSERT INTO release (seal, incident, notice, version, binding, prepared, at) "
        f"SELECT {seal}, incident, notice, version, binding, 0, drafted_at FROM notice",
    )
    with pytest.raises(LedgerAltered):
        release(ledger)
    with pytest.raises(LedgerAltered):
        claim(ledger)
    assert "of table release was altered, moved or forged" in found(ledger)


FORGED_WHILE_SENDING = {
    "the words": "UPDATE notice SET binding = 'another'",
    "an embargo": "UPDATE incident SET embargo_until = NULL, embargo_why = ''",
    "the facts": "UPDATE incident_version SET digest = 'another'",
    "the playbook": "UPDATE pin SET digest = 'another'",
    "a release": "UPDATE release SET prepared = 9",
    "an approval": "UPDATE vote SET reason = 'yes'",
    "the list": "UPDATE incident SET people = 5",
    "the decision on mailboxes": "UPDATE incident SET mailbox_ruling = 'one'",
    "who paused": "UPDATE incident SET paused_by = 'Prefect'",
}


@pytest.mark.parametrize("forged", FORGED_WHILE_SENDING)
def test_a_send_stops_when_somebody_changes(ledger: Ledger, draft: Draft, forged: str) -> None:
    """No page of messages is claimed once a row has changed on which the send rests."""
    release(ledger)
    if forged == "an embargo":
        ledger.incidents.embargo(INCIDENT, NOW + timedelta(days=1), "the police asked", OMAR.name, NOW)
    forge(ledger, FORGED_WHILE_SENDING[forged])
    with pytest.raises(LedgerAltered):
        claim(ledger)
    assert "was altered, moved or forged" in found(ledger)


def test_other_words_under_an_approved_hash_are_not_sent(ledger: Ledger, draft: Draft) -> None:
    word = draft.variants[0].text.split()[0]
    replace = f"replace(CAST(draft AS TEXT), '{word}', 'Buy')"
    as_json = f"CAST({replace} AS JSON)" if ledger.store.engine.dialect.name == "postgresql" else replace
    forge(ledger, f"UPDATE notice SET draft = {as_json}")
    with pytest.raises(ApprovalMissing):
        release(ledger)
    assert "of table notice was altered" in found(ledger)


# Messages.

RESET = "UPDATE delivery SET state = 'waiting', attempts = 0, lease = NULL, next_try_at = NULL"


def test_what_was_sent_is_not_sent_once_more(ledger: Ledger, draft: Draft) -> None:
    """Messages that have left and are made to wait again stop the send before one of them is claimed."""
    sent = send(ledger)
    forge(ledger, RESET)
    with pytest.raises(LedgerAltered, match=f"{len(sent)} messages of first-notice wait that have left"):
        claim(ledger)
    assert "stands as waiting; the audit chain knows it as sent" in found(ledger)


def test_nor_is_it_before_its_page_has_ended(ledger: Ledger, draft: Draft) -> None:
    """The process that has sent a page knows its messages before the audit chain does."""
    release(ledger)
    claims = claim(ledger)
    answer(ledger, claims)
    forge(ledger, RESET)
    with pytest.raises(LedgerAltered, match="wait that have left"):
        claim(ledger)
    ledger.deliveries.end_leases(sorted({one.lease for one in claims}), {}, INCIDENT, NOTICE, NOW)
    with pytest.raises(LedgerAltered, match="wait that have left"):
        claim(ledger)
    assert "the audit chain knows it as sent" in found(ledger)


FORGED_MESSAGES = {
    "forgotten": ("UPDATE delivery SET state = 'sent' WHERE person = 1", "does not know that it has left"),
    "deleted": ("DELETE FROM delivery WHERE person = 1", "rows, and the audit chain knows"),
    "held": ("UPDATE delivery SET state = 'held' WHERE person = 1", "others than the audit chain knows"),
    "for another": ("UPDATE delivery SET person = 99 WHERE person = 1", "a row in table delivery"),
}


@pytest.mark.parametrize("forged", FORGED_MESSAGES)
def test_a_forged_message_is_found(ledger: Ledger, draft: Draft, forged: str) -> None:
    release(ledger)
    statement, said = FORGED_MESSAGES[forged]
    forge(ledger, statement)
    assert said in found(ledger)


# People.


@pytest.mark.parametrize(
    "change",
    ["data = 'health'", "country = 'US'", "guardian = 2", "sealed = (SELECT sealed FROM person WHERE number = 2)"],
)
def test_no_message_is_made_of_an_altered_person(ledger: Ledger, draft: Draft, change: str) -> None:
    """Nothing is sent about a person whose row was altered; all others are told."""
    release(ledger)
    forge(ledger, f"UPDATE person SET {change} WHERE number = 1")
    told = {one.about.number for one in claim(ledger) if one.about}
    assert told == set(range(2, PEOPLE + 1))
    assert "altered" in found(ledger)


FORGED_PEOPLE = {
    "gone": "UPDATE person SET gone_at = '2026-11-18 00:00:00' WHERE number = 1",
    "held": "UPDATE person SET hold = 'gone' WHERE number = 1",
    "silent": "UPDATE person SET opted_out_at = '2026-11-18 00:00:00' WHERE number = 1",
    "in another language": "UPDATE person SET locale = 'zh-CN' WHERE number = 1",
    "at another address": "UPDATE person SET email_index = ref_index WHERE number = 1",
    "consenting": "UPDATE person SET consents_to_email = true WHERE number = 1",
    "of another segment": "UPDATE person SET segment = 'x' WHERE number = 1",
    "deleted": "DELETE FROM person WHERE number = 1",
}


@pytest.mark.parametrize("forged", FORGED_PEOPLE)
def test_an_altered_person_is_found(ledger: Ledger, draft: Draft, forged: str) -> None:
    forge(ledger, FORGED_PEOPLE[forged])
    assert found(ledger)
