"""Differences between what readers were told and what is known now; readers with the same difference are a cohort."""

from collections.abc import Mapping

from amends.domain.base.value import Value
from amends.domain.incident.facts import Certainty
from amends.domain.incident.incident import StatementKey
from amends.domain.notice.notice import digest
from amends.domain.notice.statement import CAN_BE_WRONG, COMMITMENT, NEVER_WRONG, Statement, contradicts

OWN, OWN_BEFORE = "own", "own before"
"""The values that stand for the data elements of each person's own, now and as told, which differ within a cohort."""
HEX_DIGITS = 8


class Change(Value):
    """One thing about which readers were told something else than is known now, or nothing."""

    was: Statement | None
    """The statement that the readers were told last; None when nobody told them anything about it."""
    now: Statement

    @property
    def key(self) -> str:
        """Return the key of both statements."""
        return self.now.key

    @property
    def wrong(self) -> bool:
        """Return True when the earlier statement is wrong by now; what was added or made exact is only new."""
        return self.was is not None and contradicts(self.was, self.now)


Changes = tuple[Change, ...]
"""All changes for some readers, in the order of StatementKey; empty for those who know all that is known."""
NAMED_ANYWAY = (StatementKey.OCCURRED, StatementKey.DISCOVERED, StatementKey.CONTAINED, StatementKey.PEOPLE)
"""The things that every first notice says as soon as they are known. Other facts that nobody was told are news for a
person to word: they may be meant for nobody's ears."""


class Differences(Value):
    """All that the readers of a notice do not know: the people, by cohort, and the public."""

    people: dict[str, Changes] = {}
    """By cohort; the cohort without a name is everybody else."""
    public: Changes = ()


def difference(told: Mapping[str, Statement], known: Mapping[str, Statement]) -> Changes:
    """Return what is new or different for readers who were told this; their own data elements are left out."""
    keys = (key for key in StatementKey if key in CAN_BE_WRONG - {StatementKey.ELEMENTS} and key in known)
    changes = (Change(was=told.get(key), now=known[key]) for key in keys if key in told or key in NAMED_ANYWAY)
    return tuple(change for change in changes if _is_new(change))


def wrong_changes(wrong: Mapping[str, Statement], known: Mapping[str, Statement]) -> Changes:
    """Return the changes for readers who were told these statements, all of them wrong by what is known now.

    A reader's own data elements were told as OWN_BEFORE and are known as OWN.
    """
    return tuple(Change(was=wrong[key], now=known[key]) for key in StatementKey if key in wrong)


def revision(before: Mapping[str, Statement], after: Mapping[str, Statement]) -> Changes:
    """Return what a new version of a page says otherwise than the version before, right or wrong.

    Commitments come last. Something that the new version does not say is left out, and so is the next update.
    """
    commitments = sorted(key for key in after if key.startswith(COMMITMENT))
    keys = (key for key in (*StatementKey, *commitments) if key in after and key not in NEVER_WRONG)
    changes = (Change(was=before.get(key), now=after[key]) for key in keys if key in before or key in NAMED_ANYWAY)
    return tuple(change for change in changes if _reads_otherwise(change))


def cohort_of(changes: Changes) -> str:
    """Return the name of the cohort of readers with this difference: the same in every draft.

    Readers without a difference are a cohort too, where most have one.
    """
    return digest([(change.key, *_as_read(change.was)) if change.was else (change.key, None) for change in changes])[
        :HEX_DIGITS
    ]


def _is_new(change: Change) -> bool:
    """Return True when readers must be told: what they know is wrong, or something is certain that they do not know.

    What is only suspected is for a person to word.
    """
    certain = change.now.certainty is Certainty.CONFIRMED
    return change.wrong or (certain and (change.was is None or change.was.value != change.now.value))


def _reads_otherwise(change: Change) -> bool:
    """Return True when a page must show the change: another value, or one that is certain and was not there."""
    if change.was is None:
        return change.now.certainty is Certainty.CONFIRMED
    return _as_read(change.was) != _as_read(change.now)


def _as_read(statement: Statement) -> tuple[str, bool]:
    """Return what a reader takes from a statement: its value, and True when it is said to be not so."""
    return statement.value, statement.certainty is Certainty.RULED_OUT
