"""The table of all columns that are sealed with an incident's key: whose they are, what kind of data, what stays.

By this table one person is erased, a kind of data goes when its time is over, a whole case is destroyed, and the key of
a case is rotated. A column that holds words of people and does not stand here would survive the erasure of a person,
and be lost when the key of its case is rotated. A test holds this table against all tables.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from secrets import token_bytes
from typing import Any

from sqlalchemy import ColumnElement, false, true
from sqlmodel import SQLModel, col, or_, select

from amends.domain.forget.retention import DataKind
from amends.ledger.case.access_requests import request_place
from amends.ledger.case.person_reports import report_place
from amends.ledger.claim.evidence import evidence_place
from amends.ledger.claim.rows import claim_place, payment_place
from amends.ledger.claim.rows import reason_place as decision_place
from amends.ledger.codes.codes import erase_codes
from amends.ledger.codes.rows import SEALED_FOR
from amends.ledger.codes.rows import place_of as code_place
from amends.ledger.codes.rows import reason_place as code_reason_place
from amends.ledger.commitment.files import proof_place
from amends.ledger.feedback.answering import address_place, texts_place
from amends.ledger.feedback.question_rows import question_place
from amends.ledger.feedback.survey.ballots import text_place
from amends.ledger.receipt.inbox import file_place
from amends.ledger.remedy.remedies import forget_results
from amends.ledger.store.encryption import INDEX_BYTES
from amends.ledger.store.session import Write
from amends.ledger.store.tables import (
    AccessRequestRow,
    AnswerRow,
    ClaimDecisionRow,
    ClaimFileRow,
    ClaimPaymentRow,
    CodeRow,
    CommitmentFileRow,
    CompensationClaimRow,
    HourSignUpRow,
    LinkRenewalRow,
    MailFileRow,
    PersonReportRow,
    PreferenceRow,
    QuestionRow,
    RemedyRow,
    ReplyRow,
    ResultCorrectionRow,
    SurveyTextRow,
    TickedStepRow,
)

OF_THE_TEAM = {"member.sealed_contact"}
"""Columns that are sealed with the team's key."""


@dataclass(frozen=True)
class Whose:
    """The people whose rows are meant: one person of an incident, or everybody but some."""

    incident: str
    only: int | None = None
    but: frozenset[int] = frozenset()

    def where(self, column: Any) -> ColumnElement[bool]:
        """Return the condition on a column that holds the number of a person, or nobody's."""
        if self.only is not None:
            return col(column) == self.only
        return or_(col(column).is_(None), col(column).not_in(self.but)) if self.but else true()

    def covers(self, person: int | None) -> bool:
        """Return True when rows of this person are meant."""
        return person == self.only if self.only is not None else person not in self.but


@dataclass(frozen=True)
class SealedColumn:
    """A sealed column of a table."""

    name: str
    place: Callable[[Any], str]
    """The place for which a row's value is sealed."""
    empty: str | None = None
    """The text that is sealed in place of a forgotten one; None where the column may be empty."""


@dataclass(frozen=True)
class PersonalTable:
    """A table with data of people in rows of their own."""

    row: type[SQLModel]
    kind: DataKind
    columns: tuple[SealedColumn, ...] = ()
    once: bool = False
    """True when the row has an idempotency key, which is a hash of what the person wrote."""
    deleted: bool = False
    """True when the whole row goes; else its count, times and state stay."""
    link: tuple[type[SQLModel], str] | None = None
    """For a row that names no person itself: the table whose row does, and the column here with that row's id."""
    also: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
    """Further columns that lead to a person, each with the value that takes its place; set before the sealed ones."""
    of_nobody: bool = False
    """True for rows of which nobody can tell whose they are; the erasure of one person leaves them alone."""
    summed: str = ""
    """For a table that the audit chain knows by sums (`sums.py`): the column by which a row is found in its group."""

    at_once: Callable[[Write, str], None] | None = None
    """For a table with a row for each person: the function that empties all rows of an incident at once."""

    @property
    def name(self) -> str:
        """Return the name of the table."""
        return str(self.row.__tablename__)


@dataclass(frozen=True)
class FileTable:
    """A table that lists files which lie in the home, sealed with the incident's key."""

    row: type[SQLModel]
    kind: DataKind
    link: tuple[type[SQLModel], str]
    folder: str
    """The folder in the home, in which each incident has one of its own."""
    place: Callable[[str, str], str]
    """The place for which a file is sealed, by incident and name."""


TABLES = (
    PersonalTable(
        QuestionRow,
        DataKind.QUESTIONS,
        (
            SealedColumn("sealed_text", lambda row: question_place(row.incident, row.id, "text"), ""),
            SealedColumn("sealed_sender", lambda row: question_place(row.incident, row.id, "sender")),
            SealedColumn("sealed_objection", lambda row: question_place(row.incident, row.id, "objection")),
        ),
        once=True,
    ),
    PersonalTable(
        AnswerRow,
        DataKind.QUESTIONS,
        (SealedColumn("sealed_texts", lambda row: texts_place(row.incident, row.id), "{}"),),
    ),
    PersonalTable(
        ReplyRow,
        DataKind.QUESTIONS,
        (SealedColumn("sealed_address", lambda row: address_place(row.incident, row.answer, row.question)),),
        link=(QuestionRow, "question"),
    ),
    PersonalTable(
        SurveyTextRow,
        DataKind.SURVEY_TEXTS,
        (SealedColumn("sealed_text", lambda row: text_place(row.id), ""),),
        deleted=True,
        of_nobody=True,
    ),
    PersonalTable(
        PersonReportRow,
        DataKind.PAGE_FORMS,
        (
            SealedColumn("sealed_said", lambda row: report_place(row.incident, row.id, "said"), ""),
            SealedColumn("sealed_words", lambda row: report_place(row.incident, row.id, "words")),
        ),
        once=True,
    ),
    PersonalTable(
        AccessRequestRow,
        DataKind.PAGE_FORMS,
        (
            SealedColumn("sealed_file", lambda row: request_place(row.incident, row.id, "file")),
            SealedColumn("sealed_words", lambda row: request_place(row.incident, row.id, "words")),
        ),
        once=True,
    ),
    PersonalTable(PreferenceRow, DataKind.PAGE_FORMS, deleted=True),
    PersonalTable(TickedStepRow, DataKind.PAGE_FORMS, deleted=True),
    PersonalTable(LinkRenewalRow, DataKind.PAGE_FORMS, deleted=True),
    PersonalTable(HourSignUpRow, DataKind.PAGE_FORMS, deleted=True),
    PersonalTable(MailFileRow, DataKind.ATTACHMENTS, deleted=True, link=(QuestionRow, "question")),
    PersonalTable(RemedyRow, DataKind.REMEDIES, also={"word": lambda _: ""}, summed="person", at_once=forget_results),
    PersonalTable(ResultCorrectionRow, DataKind.REMEDIES, also=dict.fromkeys(("was", "word"), lambda _: "")),
    PersonalTable(
        CodeRow,
        DataKind.REMEDIES,
        (
            SealedColumn("sealed", lambda row: code_place(*(getattr(row, name) for name in SEALED_FOR)), ""),
            SealedColumn("sealed_reason", lambda row: code_reason_place(row.incident, row.code_index)),
        ),
        also={"code_index": lambda _: token_bytes(INDEX_BYTES)},
        summed="id",
        at_once=erase_codes,
    ),
    PersonalTable(
        CompensationClaimRow,
        DataKind.CLAIMS,
        (
            SealedColumn("sealed_account", lambda row: claim_place(row.incident, row.id, "account")),
            SealedColumn("sealed_objection", lambda row: claim_place(row.incident, row.id, "objection")),
        ),
        once=True,
        also={"account_index": lambda _: b"", "device_index": lambda _: b""},
    ),
    PersonalTable(
        ClaimDecisionRow,
        DataKind.CLAIMS,
        (SealedColumn("sealed_reason", lambda row: decision_place(row.incident, row.claim, row.id)),),
        link=(CompensationClaimRow, "claim"),
    ),
    PersonalTable(
        ClaimPaymentRow,
        DataKind.CLAIMS,
        (SealedColumn("sealed_account", lambda row: payment_place(row.incident, row.claim, row.attempt), ""),),
        link=(CompensationClaimRow, "claim"),
    ),
    PersonalTable(ClaimFileRow, DataKind.CLAIMS, deleted=True, link=(CompensationClaimRow, "claim")),
    PersonalTable(
        CommitmentFileRow,
        DataKind.WHOLE_CASE,
        (
            SealedColumn("sealed_name", lambda row: proof_place(row, "name")),
            SealedColumn("sealed_content", lambda row: proof_place(row, "content")),
        ),
        of_nobody=True,
    ),
)
"""All tables with sealed columns, and those whose rows say what a person chose; people themselves stand in `person`."""


FILES = (
    FileTable(MailFileRow, DataKind.ATTACHMENTS, (QuestionRow, "question"), "inbox/files", file_place),
    FileTable(ClaimFileRow, DataKind.CLAIMS, (CompensationClaimRow, "claim"), "claims", evidence_place),
)
"""All tables that list sealed files of the home."""


def rows_of(table: PersonalTable, whose: Whose) -> Any:
    """Return the query for the rows of a table that belong to these people."""
    kind: Any = table.row
    here = select(kind).where(kind.incident == whose.incident)
    if table.of_nobody:
        return here.where(false()) if whose.only is not None else here
    if table.link:
        return here.where(linked(kind, table.link, whose))
    return here if kind is AnswerRow else here.where(whose.where(kind.person))


def linked(kind: Any, link: tuple[Any, str], whose: Whose) -> ColumnElement[bool]:
    """Return the condition that a row belongs to these people by the row of another table."""
    parent, column = link
    theirs = select(parent.id).where(parent.incident == whose.incident, whose.where(parent.person))
    return col(getattr(kind, column)).in_(theirs)


def belongs(row: Any, askers: Mapping[int, int | None], whose: Whose) -> bool:
    """Return True for an answer to questions of these people alone, and for a row of any other table."""
    return not isinstance(row, AnswerRow) or all(whose.covers(askers.get(one)) for one in row.questions)


def of_kind(kind: DataKind) -> Iterable[PersonalTable]:
    """Return the tables with data of this kind."""
    return (table for table in TABLES if table.kind is kind)
