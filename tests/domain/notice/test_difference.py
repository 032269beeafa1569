"""Differences between what readers were told and what is known now."""

from amends.domain.incident.facts import Certainty
from amends.domain.incident.incident import StatementKey
from amends.domain.notice.difference import Change, cohort_of, difference, revision
from amends.domain.notice.statement import Statement


def said(**values: str) -> dict[str, Statement]:
    return {key: Statement(key=key, value=value) for key, value in values.items()}


def suspected(key: str, value: str) -> dict[str, Statement]:
    return {key: Statement(key=key, value=value, certainty=Certainty.SUSPECTED)}


def keys_of(told: dict[str, Statement], known: dict[str, Statement]) -> list[str]:
    return [one.key for one in difference(told, known)]


def test_who_knows_all_that_is_known_has_no_difference() -> None:
    assert difference(said(cause="theft"), said(cause="theft")) == ()


def test_who_has_no_difference_is_a_cohort_of_its_own() -> None:
    """Else people without a difference would read the text of most, who have one."""
    assert cohort_of(()) not in ("", cohort_of((Change(was=None, now=said(cause="theft")["cause"]),)))


def test_what_turned_out_otherwise_is_wrong() -> None:
    (one,) = difference(said(discovered="2026-03-02"), said(discovered="2026-03-01"))
    assert (one.was and one.was.value, one.now.value, one.wrong) == ("2026-03-02", "2026-03-01", True)


def test_what_became_exact_is_new_and_not_wrong() -> None:
    (one,) = difference(said(people="/300"), said(people="240/240"))
    assert not one.wrong


def test_a_day_that_is_known_now_is_new() -> None:
    assert keys_of({}, said(contained="2026-03-05")) == ["contained"]


def test_a_fact_that_nobody_was_told_stays_untold() -> None:
    """Only a person decides that a way into the systems, or who has the data, is told at all."""
    assert keys_of({}, said(vector="phishing", recipient="impostor")) == []


def test_what_is_only_suspected_is_left_to_a_person() -> None:
    assert keys_of(said(people="/300"), suspected("people", "240/240")) == []
    assert keys_of({}, suspected("contained", "2026-03-05")) == []


def test_what_was_told_and_is_only_suspected_otherwise_is_wrong() -> None:
    assert keys_of(said(cause="theft"), suspected("cause", "loss")) == ["cause"]


def test_what_is_ruled_out_is_wrong() -> None:
    out = {"misuse": Statement(key="misuse", value="", certainty=Certainty.RULED_OUT)}
    assert keys_of(said(misuse="yes"), out) == ["misuse"]


def test_next_update_contact_and_own_data_are_no_difference() -> None:
    told = said(next_update="2026-03-05T10:00+00:00", contact="+49", elements="contact")
    assert keys_of(told, said(next_update="2026-04-05T10:00+00:00", contact="+1", elements="contact|health")) == []


def test_a_cohort_is_what_its_readers_were_told() -> None:
    """The same difference has the same name whatever is right by now, so a second draft keeps its cohorts."""
    now, later = said(cause="insider")["cause"], said(cause="vendor")["cause"]
    told = said(cause="theft")["cause"]
    assert cohort_of((Change(was=told, now=now),)) == cohort_of((Change(was=told, now=later),))
    assert cohort_of((Change(was=told, now=now),)) != cohort_of((Change(was=later, now=now),))


def test_changes_stand_in_the_order_of_the_statements() -> None:
    told = said(measures="police", discovered="2026-03-02", people="2/2")
    known = said(measures="audit", discovered="2026-03-01", people="9/9")
    order = list(StatementKey)
    found = [order.index(StatementKey(key)) for key in keys_of(told, known)]
    assert found == sorted(found)
    assert len(found) == 3


def changed(before: dict[str, Statement], after: dict[str, Statement]) -> list[tuple[str | None, str]]:
    return [(one.was and one.was.value, one.now.value) for one in revision(before, after)]


def test_a_page_shows_each_value_that_it_gave_otherwise() -> None:
    """A page shows also what was not wrong, what was not certain, and the kinds of data of everybody."""
    assert changed(said(people="/300"), said(people="240/240")) == [("/300", "240/240")]
    assert changed(suspected("people", "12/12"), suspected("people", "90/90")) == [("12/12", "90/90")]
    assert changed(said(elements="contact"), said(elements="contact|health")) == [("contact", "contact|health")]


def test_a_page_shows_that_something_is_not_so() -> None:
    ruled_out = {"misuse": Statement(key="misuse", value="yes", certainty=Certainty.RULED_OUT)}
    assert changed(said(misuse="yes"), ruled_out) == [("yes", "yes")]


def test_a_page_that_says_the_same_shows_no_change() -> None:
    assert changed(said(cause="theft"), suspected("cause", "theft")) == []


def test_a_page_shows_what_became_known_of_what_every_notice_names() -> None:
    assert changed({}, said(contained="2026-03-05", cause="theft")) == [(None, "2026-03-05")]


def test_a_page_shows_how_a_commitment_stands_otherwise() -> None:
    before = said(**{"commitment:audit": "open 2026-12-10", "commitment:fix": "open 2026-12-10"})
    after = said(**{"commitment:audit": "late 2026-12-20", "commitment:fix": "open 2026-12-10"})
    assert changed(before, after) == [("open 2026-12-10", "late 2026-12-20")]
    assert changed({}, after) == [], "a new promise is no change of what the page said"


def test_the_next_update_is_no_change_of_a_page() -> None:
    before, after = (said(next_update=f"2026-03-{day}T10:00+00:00") for day in ("05", "12"))
    assert changed(before, after) == []


def test_what_was_ruled_out_and_is_so_after_all_is_wrong() -> None:
    """Its readers are no cohort with those who were told that it was so."""
    denied = Statement(key="cause", value="theft", certainty=Certainty.RULED_OUT)
    (one,) = difference({"cause": denied}, said(cause="theft"))
    assert one.wrong
    assert cohort_of((one,)) != cohort_of((Change(was=said(cause="theft")["cause"], now=one.now),))
