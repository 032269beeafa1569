"""Decisions on readers of a language without words, in the ledger."""

from datetime import timedelta

import pytest

from amends.domain.base.errors import ApprovalMissing, NotAllowed
from amends.domain.people.locales import LocaleRuling
from amends.domain.team.member import Member, TeamRole
from amends.ledger import Ledger
from tests.builders import NOW, a_person
from tests.delivery.sending import APPROVERS, INCIDENT, NOTICE, approved, approved_again

OMAR = APPROVERS[0]
WORDS = ("en", "zh-CN")
LATER = NOW + timedelta(hours=1)
GERMAN = LocaleRuling(locale="de", instead="en", by=OMAR.name, at=NOW)


def with_germans(ledger: Ledger, **changes: object) -> None:
    approved(ledger, [a_person(number=1), a_person(number=2, locale="de")], **changes)


def test_a_ruling_is_kept_and_audited(ledger: Ledger) -> None:
    with_germans(ledger)
    assert ledger.locale_rulings.rule(INCIDENT, {"de": "en"}, WORDS, OMAR, NOW) == (GERMAN,)
    assert ledger.cases.read(INCIDENT).locale_rulings == (GERMAN,)
    (entry,) = (one for one in ledger.audit.entries(INCIDENT) if one.act == "locale ruled")
    assert (entry.actor, entry.subject) == (OMAR.name, "de=en")
    assert ledger.audit.verify() == ()


def test_a_later_ruling_replaces_the_first(ledger_on_sqlite: Ledger) -> None:
    with_germans(ledger_on_sqlite)
    ledger_on_sqlite.locale_rulings.rule(INCIDENT, {"de": "en"}, WORDS, OMAR, NOW)
    assert ledger_on_sqlite.locale_rulings.rule(INCIDENT, {"de": "en"}, WORDS, OMAR, LATER) == (GERMAN,)
    (found,) = ledger_on_sqlite.locale_rulings.rule(INCIDENT, {"de": "zh-CN"}, WORDS, APPROVERS[1], LATER)
    assert found == LocaleRuling(locale="de", instead="zh-CN", by=APPROVERS[1].name, at=LATER)
    assert ledger_on_sqlite.audit.verify() == ()


def test_nothing_is_stored_when_one_ruling_is_refused(ledger_on_sqlite: Ledger) -> None:
    with_germans(ledger_on_sqlite)
    with pytest.raises(NotAllowed, match="nobody in the list reads fr"):
        ledger_on_sqlite.locale_rulings.rule(INCIDENT, {"de": "en", "fr": "en"}, WORDS, OMAR, NOW)
    assert ledger_on_sqlite.cases.read(INCIDENT).locale_rulings == ()


def test_who_may_not_approve_may_not_rule(ledger_on_sqlite: Ledger) -> None:
    with_germans(ledger_on_sqlite)
    rosa = Member(name="rosa", role=TeamRole.RESPONDER)
    with pytest.raises(NotAllowed, match="rosa may not"):
        ledger_on_sqlite.locale_rulings.rule(INCIDENT, {"de": "en"}, WORDS, rosa, NOW)


def test_another_ruling_voids_the_draft_that_rests_on_it(ledger_on_sqlite: Ledger) -> None:
    """A draft for readers of whom a ruling says otherwise by now is not released; other drafts stay as they are."""
    ledger = ledger_on_sqlite
    with_germans(ledger)
    ledger.locale_rulings.rule(INCIDENT, {"de": "en"}, WORDS, OMAR, NOW)
    approved_again(ledger, instead={"de": "en"})
    assert ledger.cases.read(INCIDENT).notice(NOTICE).current  # type: ignore[union-attr]
    ledger.locale_rulings.rule(INCIDENT, {"de": "zh-CN"}, WORDS, OMAR, LATER)
    with pytest.raises(ApprovalMissing, match="first-notice is not what was approved"):
        ledger.notices.release(INCIDENT, NOTICE, LATER)
