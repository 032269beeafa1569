"""All tables as they are in the first version."""

from functools import partial

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
SEAL = partial(sa.Column, "seal", sa.LargeBinary(), nullable=False)
APPEND_ONLY = {
    "audit": "the audit chain is only ever added to",
    "filing": "a filing is corrected by one more filing",
    "substitute": "a substitute notice is recorded once",
}
"""Tables whose rows are never changed nor deleted, with what the database says to an attempt."""
ON_SQLITE = """
CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table}
BEGIN SELECT RAISE(ABORT, '{why}'); END
"""
ON_POSTGRESQL = """
CREATE FUNCTION {table}_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '{why}'; END $$;
CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}
FOR EACH ROW EXECUTE FUNCTION {table}_is_append_only()
"""
TALLIED = ("incident", "notice", "version", "channel", "variant", "elements", "state")
"""The columns of a message by which messages are counted."""
HAS_SETTLED = "({row}.state <> 'claimed' AND {row}.state <> 'waiting' AND {row}.state <> 'deferred')"
"""The condition that a row is counted: the engine has not, or no longer, the message in hand.

SQLite compares words one by one directly, but builds a table for a list of three each time.
"""
COUNT_ON_SQLITE = """
CREATE TRIGGER tally_{name} AFTER {event} ON delivery WHEN {counted}
BEGIN
    INSERT INTO tally VALUES ({key}, 0, {by})
    ON CONFLICT DO UPDATE SET messages = messages + {by};
END
"""
COUNT_ON_POSTGRESQL = """
CREATE FUNCTION tally_{verb}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tally SELECT {columns}, pg_backend_pid(), sum(by) FROM ({changed}) AS changed
    GROUP BY {columns} HAVING sum(by) <> 0
    ON CONFLICT ({columns}, part) DO UPDATE SET messages = tally.messages + excluded.messages;
    RETURN NULL;
END $$;
CREATE TRIGGER tally_{verb} AFTER {verb} ON delivery REFERENCING {tables}
FOR EACH STATEMENT EXECUTE FUNCTION tally_{verb}()
"""
CHANGES = {
    "INSERT": {"NEW": ("inserted", 1)},
    "UPDATE": {"OLD": ("before", -1), "NEW": ("after", 1)},
    "DELETE": {"OLD": ("deleted", -1)},
}
"""By kind of change: the rows that are counted, under the names that a trigger gives them, and the number for each."""


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("act", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("rows", sa.String(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index("ix_audit_incident", "audit", ["incident"])
    op.create_table(
        "clock",
        SEAL(),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("boot", sa.String(), nullable=False),
        sa.Column("elapsed", sa.Float(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("doubt", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("host"),
    )
    op.create_table(
        "incident",
        SEAL(),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("opened_at", TIME, nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("audience_digest", sa.String(), nullable=False),
        sa.Column("embargo_until", TIME, nullable=True),
        sa.Column("embargo_why", sa.String(), server_default="", nullable=False),
        sa.Column("counts", sa.JSON(), nullable=True),
        sa.Column("next_key", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "key_check",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "logged_message",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("unclear", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "member",
        SEAL(),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("added_at", TIME, nullable=False),
        sa.Column("deputy", sa.String(), server_default="", nullable=False),
        sa.Column("deputy_until", TIME, nullable=True),
        sa.Column("sealed_contact", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "provided",
        SEAL(),
        sa.Column("channel", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("channel"),
    )
    op.create_table(
        "restored_notice",
        SEAL(),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("notice", sa.String(), nullable=False),
        sa.Column("may_have_left", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("incident", "notice"),
    )
    op.create_table(
        "sms_reply",
        SEAL(),
        sa.Column("once", sa.String(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("once"),
    )
    op.create_table(
        "tally",
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("notice", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("variant", sa.String(), nullable=False),
        sa.Column("elements", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("part", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("messages", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(*TALLIED, "part"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "told_otherwise",
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("notice", sa.String(), nullable=False),
        sa.Column("person", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("cohort", sa.String(), nullable=False),
        sa.Column("elements", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("incident", "notice", "person"),
    )
    op.create_table(
        "approval",
        SEAL(),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("notice", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("binding", sa.String(), nullable=False),
        sa.Column("member", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("decision", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("given_by", sa.String(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["incident"],
            ["incident.id"],
        ),
        sa.ForeignKeyConstraint(
            ["member"],
            ["member.name"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("incident", "notice", "version", "member"),
    )
    op.create_table(
        "approval_reminder",
        SEAL(),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("notice", sa.String(), nullable=False),
        sa.Column("member", sa.String(), nullable=False),
        sa.Column("occasion", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("settled_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["incident"],
            ["incident.id"],
        ),
        sa.ForeignKeyConstraint(
            ["member"],
            ["member.name"],
        ),
        sa.PrimaryKeyConstraint("incident", "notice", "member", "occasion"),
    )
    op.create_table(
        "assessment",
        SEAL(),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["incident"],
            ["incident.id"],
        ),
        sa.PrimaryKeyConstraint("incident", "version"),
    )
    op.create_table(
        "commitment",
        SEAL(),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("promise", sa.JSON(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("audience", sa.String(), nullable=False),
        sa.Column("due_at", TIME, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("made_in", sa.String(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("settled_at", TIME, nullable=True),
        sa.Column("new_due_at", TIME, nullable=True),
        sa.Column("reason", sa.JSON(), nullable=False),
        sa.Column("reminded_at", TIME, nullable=True),
        sa.Column("escalated_at", TIME, nullable=True),
        sa.Column("added_at", TIME, nullable=True),
        sa.Column("next_word_at", TIME, nullable=True),
        sa.Column("take_up", sa.JSON(), nullable=False),
        sa.Column("kept", sa.JSON(), nullable=False),
        sa.Column("per_person", sa.JSON(), nullable=True),
        sa.Column("deputy", sa.String(), nullable=False),
        sa.Column("series", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("every", sa.String(), nullable=True),
        sa.Column("until", TIME, nullable=True),
        sa.Column("at_most", sa.Integer(), nullable=True),
        sa.Column("steps", sa.JSON(), nullable=False),
        sa.Column("budget", sa.String(), nullable=True),
        sa.Column("spent", sa.String(), nullable=True),
        sa.Column("reported_at", TIME, nullable=True),
        sa.Column("reported_by", sa.String(), nullable=False),
        sa.Column("reviewed_at", TIME, nullable=True),
        sa.Column("reviewed_by", sa.String(), nullable=False),
        sa.Column("refusal", sa.String(), nullable=False),
        sa.Column("zone", sa.String(), nullable=False),
        sa.Column("evidence_link", sa.String(), nullable=False),
        sa.Column("changes", sa.Integer(), nullable=False),
        sa.Column("told", sa.Integer(), nullable=False),
        sa.Column("worded_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["incident"],
            ["incident.id"],
        ),
        sa.PrimaryKeyConstraint("incident", "id"),
    )
    op.create_table(
        "commitment_person",
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("commitment", sa.String(), nullable=False),
        sa.Column("person", sa.Integer(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["incident", "commitment"],
            ["commitment.incident", "commitment.id"],
        ),
        sa.PrimaryKeyConstraint("incident", "commitment", "person"),
    )
    op.create_table(
        "element_set",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("elements", sa.String(), nullable=False),
        sa.Column("country", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["incident"],
            ["incident.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("incident", "elements", "country", "region"),
    )
    op.create_table(
        "event",
        SEAL(),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["incident"],
            ["incident.id"],
        ),
        sa.PrimaryKeyConstraint("incident", "kind", "name"),
    )
    op.create_table(
        "filing",
        SEAL(),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("duty", sa.String(), nullable=False),
        sa.Column("part", sa.String(), nullable=False),
        sa.Column("filed_at", TIME, nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("receipt", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("corrects", sa.Integer(), nullable=False),
        sa.Column("sets", sa.String(), nullable=False),
        sa.Column("recorded_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["incident"],
            ["incident.id"],
        ),
        sa.PrimaryKeyConstraint("incident", "number"),
    )
    op.create_table(
        "incident_version",
        SEAL(),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["incident"],
            ["incident.id"],
        ),
        sa.PrimaryKeyConstraint("incident", "version"),
    )
    op.create_table(
        "lease",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("notice", sa.String(), nullable=False),
        sa.Column("facts", sa.Integer(), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("until", TIME, nullable=False),
        sa.Column("holder", sa.String(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["incident"],
            ["incident.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "notice",
        SEAL(),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("notice", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("draft", sa.JSON(), nullable=False),
        sa.Column("binding", sa.String(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("drafted_at", TIME, nullable=False),
        sa.Column("sent_at", TIME, nullable=True),
        sa.Column("optional", sa.Boolean(), nullable=False),
        sa.Column("survey", sa.String(), server_default="", nullable=False),
        sa.Column("preflight", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(
            ["incident"],
            ["incident.id"],
        ),
        sa.PrimaryKeyConstraint("incident", "notice", "version"),
    )
    op.create_table(
        "occurrence",
        SEAL(),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("due_at", TIME, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("done_at", TIME, nullable=True),
        sa.Column("note", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["incident"],
            ["incident.id"],
        ),
        sa.PrimaryKeyConstraint("incident", "kind", "step", "number"),
    )
    op.create_table(
        "person",
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("ref_index", sa.LargeBinary(), nullable=False),
        sa.Column("email_index", sa.LargeBinary(), nullable=True),
        sa.Column("phone_index", sa.LargeBinary(), nullable=True),
        sa.Column("postal_index", sa.LargeBinary(), nullable=True),
        sa.Column("link_index", sa.LargeBinary(), nullable=False),
        sa.Column("link_version", sa.Integer(), nullable=False),
        sa.Column("locale", sa.String(), nullable=False),
        sa.Column("country", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("timezone", sa.String(), nullable=False),
        sa.Column("data", sa.String(), nullable=False),
        sa.Column("segment", sa.String(), nullable=False),
        sa.Column("flags", sa.String(), nullable=False),
        sa.Column("consents_to_email", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("child_index", sa.LargeBinary(), nullable=True),
        sa.Column("guardian", sa.Integer(), nullable=False),
        sa.Column("hold", sa.String(), nullable=False),
        sa.Column("opted_out_at", TIME, nullable=True),
        sa.Column("data_changed_at", TIME, nullable=True),
        sa.Column("gone_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["incident"],
            ["incident.id"],
        ),
        sa.PrimaryKeyConstraint("incident", "number"),
        sa.UniqueConstraint("incident", "ref_index"),
        sa.UniqueConstraint("link_index"),
    )
    op.create_index(
        "ix_person_opted_out",
        "person",
        ["incident"],
        unique=False,
        postgresql_where=sa.text("opted_out_at IS NOT NULL"),
        sqlite_where=sa.text("opted_out_at IS NOT NULL"),
    )
    op.create_index(
        "ix_person_data",
        "person",
        ["incident"],
        unique=False,
        postgresql_where=sa.text("data_changed_at IS NOT NULL"),
        sqlite_where=sa.text("data_changed_at IS NOT NULL"),
    )
    op.create_index(
        "ix_person_shared_mailbox",
        "person",
        ["incident", "email_index"],
        unique=False,
        postgresql_where=sa.text("hold = 'shared_mailbox'"),
        sqlite_where=sa.text("hold = 'shared_mailbox'"),
    )
    op.create_index(
        "ix_person_gone",
        "person",
        ["incident"],
        unique=False,
        postgresql_where=sa.text("gone_at IS NOT NULL"),
        sqlite_where=sa.text("gone_at IS NOT NULL"),
    )
    op.create_index(
        "ix_person_reported",
        "person",
        ["incident"],
        unique=False,
        postgresql_where=sa.text("(hold = 'wrong_person' OR hold = 'outdated_address')"),
        sqlite_where=sa.text("(hold = 'wrong_person' OR hold = 'outdated_address')"),
    )
    op.create_index("ix_person_segment", "person", ["incident", "segment"])
    op.create_table(
        "pin",
        SEAL(),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("playbook", sa.JSON(), nullable=False),
        sa.Column("wording", sa.JSON(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["incident"],
            ["incident.id"],
        ),
        sa.PrimaryKeyConstraint("incident", "number"),
    )
    _create_questions()
    op.create_table(
        "locale_ruling",
        SEAL(),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("locale", sa.String(), nullable=False),
        sa.Column("instead", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["incident"],
            ["incident.id"],
        ),
        sa.PrimaryKeyConstraint("incident", "locale"),
    )
    op.create_table(
        "substitute",
        SEAL(),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("duty", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["incident"],
            ["incident.id"],
        ),
        sa.PrimaryKeyConstraint("incident", "duty"),
    )
    op.create_table(
        "emergency",
        SEAL(),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("notice", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("binding", sa.String(), nullable=False),
        sa.Column("first", sa.String(), nullable=False),
        sa.Column("second", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("given", sa.Integer(), nullable=False),
        sa.Column("needed", sa.Integer(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["first"],
            ["member.name"],
        ),
        sa.ForeignKeyConstraint(
            ["incident", "notice", "version"],
            ["notice.incident", "notice.notice", "notice.version"],
        ),
        sa.ForeignKeyConstraint(
            ["second"],
            ["member.name"],
        ),
        sa.PrimaryKeyConstraint("incident", "notice", "version"),
    )
    op.create_table(
        "mark",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("lease", sa.BigInteger(), nullable=False),
        sa.Column("messages", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["lease"], ["lease.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_mark_lease", "mark", ["lease"])
    op.create_table(
        "release",
        SEAL(),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("notice", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("binding", sa.String(), nullable=False),
        sa.Column("prepared", sa.Integer(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["incident", "notice", "version"],
            ["notice.incident", "notice.notice", "notice.version"],
        ),
        sa.PrimaryKeyConstraint("incident", "notice", "version"),
    )
    op.create_table(
        "stated_commitment",
        SEAL(),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("commitment", sa.String(), nullable=False),
        sa.Column("notice", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("readers", sa.String(), nullable=False),
        sa.Column("fate", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["incident", "notice", "version"],
            ["release.incident", "release.notice", "release.version"],
        ),
        sa.PrimaryKeyConstraint("incident", "commitment", "notice", "version", "channel", "readers"),
    )
    _create_messages()
    _create_answers()
    _create_mentions_and_hours()
    _create_inbox()
    for create in (
        _create_queue,
        _create_remedies,
        _create_commitment_work,
        _create_codes,
        _create_closing,
        _create_claims,
        _create_forget,
    ):
        create()
    for table, why in APPEND_ONLY.items():
        _forbid_changes(table, why)
    _count_messages()


def _create_questions() -> None:
    op.create_table(
        "question",
        SEAL(),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("once", sa.String(), nullable=False),
        sa.Column("person", sa.Integer(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("locale", sa.String(), nullable=False),
        sa.Column("sealed_text", sa.LargeBinary(), nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("urgency", sa.String(), server_default="", nullable=False),
        sa.Column("together", sa.Integer(), nullable=True),
        sa.Column("sealed_sender", sa.LargeBinary(), nullable=True),
        sa.Column("asked_at", TIME, nullable=False),
        sa.Column("reply_due_at", TIME, nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("answer_id", sa.Integer(), nullable=True),
        sa.Column("answered_at", TIME, nullable=True),
        sa.Column("answered_by", sa.String(), nullable=False),
        sa.Column("sealed_objection", sa.LargeBinary(), nullable=True),
        sa.Column("reopened_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["incident"],
            ["incident.id"],
        ),
        sa.PrimaryKeyConstraint("incident", "id"),
        sa.UniqueConstraint("incident", "once"),
    )
    op.create_index("ix_question_person", "question", ["incident", "person", "topic", "answered_at", "reply_due_at"])
    op.create_index(
        "ix_question_complaint",
        "question",
        ["incident", "person"],
        unique=False,
        postgresql_where=sa.text("kind = 'complaint' AND answered_at IS NULL"),
        sqlite_where=sa.text("kind = 'complaint' AND answered_at IS NULL"),
    )
    op.create_index("ix_question_asked", "question", ["incident", "asked_at", "source"])
    op.create_index("ix_question_together", "question", ["incident", "together", "answered_at"])


def _create_commitment_work() -> None:
    of_commitment = partial(
        sa.ForeignKeyConstraint, ["incident", "commitment"], ["commitment.incident", "commitment.id"]
    )
    op.create_table(
        "commitment_spending",
        SEAL(),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("commitment", sa.String(), nullable=False),
        sa.Column("invoice", sa.String(), nullable=False),
        sa.Column("amount", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        of_commitment(),
        sa.PrimaryKeyConstraint("incident", "commitment", "invoice"),
    )
    op.create_table(
        "commitment_file",
        SEAL(),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("commitment", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("sealed_name", sa.LargeBinary(), nullable=True),
        sa.Column("sealed_content", sa.LargeBinary(), nullable=True),
        of_commitment(),
        sa.PrimaryKeyConstraint("incident", "commitment", "number"),
    )


def _create_inbox() -> None:
    op.create_table(
        "incoming_mail",
        SEAL(),
        sa.Column("once", sa.String(), nullable=False),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("question", sa.Integer(), nullable=True),
        sa.Column("notice", sa.String(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("once"),
    )
    op.create_table(
        "mail_file",
        SEAL(),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("question", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["incident"], ["incident.id"]),
        sa.PrimaryKeyConstraint("incident", "id"),
    )


def _create_answers() -> None:
    op.create_table(
        "answer",
        SEAL(),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("questions", sa.JSON(), nullable=False),
        sa.Column("sealed_texts", sa.LargeBinary(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("approved_by", sa.String(), nullable=False),
        sa.Column("approved_at", TIME, nullable=True),
        sa.Column("corrects", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["incident"],
            ["incident.id"],
        ),
        sa.PrimaryKeyConstraint("incident", "id"),
    )
    op.create_table(
        "reply",
        SEAL(),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("answer", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("question", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("apologises", sa.Boolean(), nullable=False),
        sa.Column("sealed_address", sa.LargeBinary(), nullable=True),
        sa.Column("key_index", sa.LargeBinary(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("claimed_until", TIME, nullable=True),
        sa.Column("next_try_at", TIME, nullable=True),
        sa.Column("provider_id", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["incident", "answer"],
            ["answer.incident", "answer.id"],
        ),
        sa.ForeignKeyConstraint(
            ["incident", "question"],
            ["question.incident", "question.id"],
        ),
        sa.PrimaryKeyConstraint("incident", "answer", "question"),
    )
    op.create_index("ix_reply_question", "reply", ["incident", "question"])
    op.create_index("ix_reply_state", "reply", ["state", "next_try_at"])
    op.create_index("ix_reply_key", "reply", ["key_index"])
    op.create_index("ix_reply_provider_id", "reply", ["provider_id"])


def _create_queue() -> None:
    op.create_table(
        "question_group",
        SEAL(),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("example", sa.Integer(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["incident"], ["incident.id"]),
        sa.PrimaryKeyConstraint("incident", "id"),
    )
    op.create_table(
        "question_likeness",
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("mark", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("question", sa.Integer(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["incident"], ["incident.id"]),
        sa.PrimaryKeyConstraint("incident", "mark", "question"),
    )
    op.create_table(
        "faq_entry",
        SEAL(),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("together", sa.Integer(), nullable=False),
        sa.Column("texts", sa.JSON(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("approved_by", sa.String(), nullable=False),
        sa.Column("approved_at", TIME, nullable=True),
        sa.Column("withdrawn_by", sa.String(), nullable=False),
        sa.Column("withdrawn_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(["incident"], ["incident.id"]),
        sa.PrimaryKeyConstraint("incident", "id"),
    )


def _create_messages() -> None:
    op.create_table(
        "delivery",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("notice", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("person", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("address_index", sa.LargeBinary(), nullable=False),
        sa.Column("variant", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("cause", sa.String(), server_default="", nullable=False),
        sa.Column("detail", sa.String(), server_default="", nullable=False),
        sa.Column("doubtful", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("provider_id", sa.String(), nullable=False),
        sa.Column("batch", sa.Integer(), nullable=True),
        sa.Column("elements", sa.Integer(), nullable=True),
        sa.Column("one_of_several", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease", sa.BigInteger(), nullable=True),
        sa.Column("next_try_at", TIME, nullable=True),
        sa.Column("updated_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["incident", "notice", "version"],
            ["release.incident", "release.notice", "release.version"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("incident", "notice", "person", "channel", "address_index"),
    )
    op.create_table(
        "survey_sample",
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("notice", sa.String(), nullable=False),
        sa.Column("person", sa.Integer(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["incident"], ["incident.id"]),
        sa.PrimaryKeyConstraint("incident", "notice", "person"),
    )
    op.create_table(
        "survey_answered",
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("notice", sa.String(), nullable=False),
        sa.Column("person", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(["incident"], ["incident.id"]),
        sa.PrimaryKeyConstraint("incident", "notice", "person"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "held_ballot",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("notice", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["incident"], ["incident.id"]),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_held_ballot", "held_ballot", ["incident", "notice"])
    op.create_table(
        "ballot",
        SEAL(),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("notice", sa.String(), nullable=False),
        sa.Column("answers", sa.JSON(), nullable=False),
        sa.Column("variant", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("country", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["incident"], ["incident.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_ballot", "ballot", ["incident", "notice"])
    op.create_table(
        "survey_text",
        SEAL(),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("notice", sa.String(), nullable=False),
        sa.Column("question", sa.String(), nullable=False),
        sa.Column("sealed_text", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["incident"], ["incident.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_survey_text", "survey_text", ["incident", "notice"])
    op.create_index(
        "ix_delivery_bad_address",
        "delivery",
        ["incident", "channel", "address_index"],
        unique=False,
        postgresql_where=sa.text("cause = 'bad_address'"),
        sqlite_where=sa.text("cause = 'bad_address'"),
    )
    op.create_index(
        "ix_delivery_due",
        "delivery",
        ["incident", "notice", "state", "channel", "next_try_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('waiting', 'deferred')"),
        sqlite_where=sa.text("state IN ('waiting', 'deferred')"),
    )
    op.create_index(
        "ix_delivery_several",
        "delivery",
        ["incident", "notice", "person", "state"],
        unique=False,
        postgresql_where=sa.text("one_of_several"),
        sqlite_where=sa.text("one_of_several"),
    )
    op.create_index(
        "ix_delivery_sms",
        "delivery",
        ["provider_id"],
        unique=False,
        postgresql_where=sa.text("channel = 'sms' AND provider_id <> ''"),
        sqlite_where=sa.text("channel = 'sms' AND provider_id <> ''"),
    )
    op.create_index(
        "ix_delivery_sms_to",
        "delivery",
        ["address_index"],
        unique=False,
        postgresql_where=sa.text("channel = 'sms'"),
        sqlite_where=sa.text("channel = 'sms'"),
    )
    op.create_index(
        "ix_delivery_trouble",
        "delivery",
        ["incident", "notice", "state"],
        unique=False,
        postgresql_where=sa.text(
            "(state IN ('bounced', 'complained') OR state IN ('failed', 'uncertain') OR state = 'parked')"
        ),
        sqlite_where=sa.text(
            "(state IN ('bounced', 'complained') OR state IN ('failed', 'uncertain') OR state = 'parked')"
        ),
    )
    op.create_table(
        "person_report",
        SEAL(),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("once", sa.String(), nullable=False),
        sa.Column("person", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("locale", sa.String(), nullable=False),
        sa.Column("sealed_said", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("sealed_words", sa.LargeBinary(), nullable=True),
        sa.Column("decided_by", sa.String(), nullable=False),
        sa.Column("decided_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["incident"],
            ["incident.id"],
        ),
        sa.PrimaryKeyConstraint("incident", "id"),
        sa.UniqueConstraint("incident", "once"),
    )
    op.create_index("ix_person_report_person", "person_report", ["person"])
    op.create_table(
        "access_request",
        SEAL(),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("once", sa.String(), nullable=False),
        sa.Column("person", sa.Integer(), nullable=False),
        sa.Column("locale", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("due_at", TIME, nullable=False),
        sa.Column("sealed_file", sa.LargeBinary(), nullable=True),
        sa.Column("sealed_words", sa.LargeBinary(), nullable=True),
        sa.Column("decided_by", sa.String(), nullable=False),
        sa.Column("decided_at", TIME, nullable=True),
        sa.Column("offered_until", TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["incident"],
            ["incident.id"],
        ),
        sa.PrimaryKeyConstraint("incident", "id"),
        sa.UniqueConstraint("incident", "once"),
    )
    op.create_index("ix_access_request_person", "access_request", ["person"])
    op.create_table(
        "preference",
        SEAL(),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("person", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("locale", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["incident"],
            ["incident.id"],
        ),
        sa.PrimaryKeyConstraint("incident", "person"),
    )
    op.create_table(
        "ticked_step",
        SEAL(),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("person", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["incident"],
            ["incident.id"],
        ),
        sa.PrimaryKeyConstraint("incident", "person", "step"),
    )
    op.create_table(
        "link_renewal",
        SEAL(),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("person", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["incident"],
            ["incident.id"],
        ),
        sa.PrimaryKeyConstraint("incident", "person"),
    )


def _create_mentions_and_hours() -> None:
    op.create_table(
        "mention_cursor",
        SEAL(),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("server", sa.String(), nullable=False),
        sa.Column("last", sa.String(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["incident"], ["incident.id"]),
        sa.PrimaryKeyConstraint("incident", "server"),
    )
    op.create_table(
        "question_hour",
        SEAL(),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("title", sa.JSON(), nullable=False),
        sa.Column("where", sa.JSON(), nullable=False),
        sa.Column("begins_at", TIME, nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("announced_at", TIME, nullable=True),
        sa.Column("announced_by", sa.String(), nullable=False),
        sa.Column("answers", sa.JSON(), nullable=False),
        sa.Column("answers_by", sa.String(), nullable=False),
        sa.Column("approved_by", sa.String(), nullable=False),
        sa.Column("published_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(["incident"], ["incident.id"]),
        sa.PrimaryKeyConstraint("incident", "id"),
    )
    op.create_table(
        "hour_signup",
        SEAL(),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("hour", sa.String(), nullable=False),
        sa.Column("person", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("day_before", sa.String(), nullable=False),
        sa.Column("hour_before", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["incident"], ["incident.id"]),
        sa.PrimaryKeyConstraint("incident", "hour", "person"),
    )
    op.create_table(
        "hour_question",
        SEAL(),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("question", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("hour", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["incident"], ["incident.id"]),
        sa.PrimaryKeyConstraint("incident", "question"),
    )


def _create_remedies() -> None:
    op.create_table(
        "remedy",
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("commitment", sa.String(), nullable=False),
        sa.Column("person", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("word", sa.String(), nullable=False),
        sa.Column("changed_at", TIME, nullable=False),
        sa.Column("settled_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["incident", "commitment"], ["commitment.incident", "commitment.id"]),
        sa.PrimaryKeyConstraint("incident", "commitment", "person"),
    )
    op.create_index("ix_remedy_person", "remedy", ["incident", "person"])
    op.create_index("ix_remedy_state", "remedy", ["incident", "commitment", "state"])
    op.create_table(
        "result_correction",
        SEAL(),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("commitment", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("person", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("was", sa.String(), nullable=False),
        sa.Column("word", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["incident", "commitment"], ["commitment.incident", "commitment.id"]),
        sa.PrimaryKeyConstraint("incident", "commitment", "number", "person"),
    )
    op.create_index("ix_result_correction_person", "result_correction", ["incident", "person"])


def _create_codes() -> None:
    op.create_table(
        "code_stock",
        SEAL(),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("commitment", sa.String(), nullable=False),
        sa.Column("by_variant", sa.Boolean(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["incident"], ["incident.id"]),
        sa.PrimaryKeyConstraint("incident", "commitment"),
    )
    op.create_table(
        "code",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("commitment", sa.String(), nullable=False),
        sa.Column("variant", sa.String(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("code_index", sa.LargeBinary(), nullable=False),
        sa.Column("expires", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("person", sa.Integer(), nullable=True),
        sa.Column("given_at", TIME, nullable=True),
        sa.Column("ended_at", TIME, nullable=True),
        sa.Column("told_in", sa.String(), nullable=False),
        sa.Column("sealed_reason", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["incident"], ["incident.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("code_index"),
    )
    partial_index = {
        "ix_code_person": (["incident", "commitment", "person"], "(state = 'given' OR state = 'redeemed')"),
        "ix_code_free": (["incident", "commitment", "variant", "id"], "state = 'free'"),
        "ix_code_void": (["incident", "person"], "state = 'void'"),
    }
    for name, (columns, where) in partial_index.items():
        op.create_index(
            name,
            "code",
            columns,
            unique=name == "ix_code_person",
            postgresql_where=sa.text(where),
            sqlite_where=sa.text(where),
        )


def _create_closing() -> None:
    """Create the tables of the closing of a case, and of its reviews."""
    op.create_table(
        "closing_override",
        SEAL(),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("criterion", sa.String(), nullable=False),
        sa.Column("binding", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("covers", sa.JSON(), nullable=False),
        sa.Column("what", sa.JSON(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["incident"], ["incident.id"]),
        sa.PrimaryKeyConstraint("incident", "criterion", "binding", "by"),
    )
    op.create_table(
        "carried_over",
        SEAL(),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("commitment", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("due_at", TIME, nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["incident", "commitment"], ["commitment.incident", "commitment.id"]),
        sa.PrimaryKeyConstraint("incident", "commitment"),
    )
    op.create_table(
        "review_note",
        SEAL(),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("commitment", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["incident"], ["incident.id"]),
        sa.PrimaryKeyConstraint("incident", "number"),
    )
    op.create_table(
        "review",
        SEAL(),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("figures", sa.JSON(), nullable=False),
        sa.Column("notes", sa.Integer(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["incident"], ["incident.id"]),
        sa.PrimaryKeyConstraint("incident", "step"),
    )


def _create_claims() -> None:
    op.create_table(
        "compensation_claim",
        SEAL(),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("once", sa.String(), nullable=False),
        sa.Column("person", sa.Integer(), nullable=False),
        sa.Column("question", sa.Integer(), nullable=False),
        sa.Column("locale", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("entered_by", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("asked", sa.BigInteger(), nullable=False),
        sa.Column("granted", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("files", sa.Integer(), nullable=False),
        sa.Column("sealed_account", sa.LargeBinary(), nullable=True),
        sa.Column("sealed_objection", sa.LargeBinary(), nullable=True),
        sa.Column("account_index", sa.LargeBinary(), nullable=False),
        sa.Column("device_index", sa.LargeBinary(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("due_at", TIME, nullable=False),
        sa.Column("decided_at", TIME, nullable=True),
        sa.Column("account_due_at", TIME, nullable=True),
        sa.Column("account_reminded_at", TIME, nullable=True),
        sa.Column("objected_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(["incident"], ["incident.id"]),
        sa.ForeignKeyConstraint(["incident", "question"], ["question.incident", "question.id"]),
        sa.PrimaryKeyConstraint("incident", "id"),
        sa.UniqueConstraint("incident", "once"),
        sa.UniqueConstraint("incident", "question"),
    )
    op.create_index("ix_compensation_claim_person", "compensation_claim", ["person"])
    op.create_index("ix_compensation_claim_state", "compensation_claim", ["incident", "state"])
    op.create_table(
        "claim_decision",
        SEAL(),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("claim", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("granted", sa.BigInteger(), nullable=False),
        sa.Column("sealed_reason", sa.LargeBinary(), nullable=True),
        sa.Column("without_evidence", sa.String(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["incident", "claim"], ["compensation_claim.incident", "compensation_claim.id"]),
        sa.PrimaryKeyConstraint("incident", "claim", "id"),
    )
    op.create_table(
        "claim_file",
        SEAL(),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("claim", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["incident", "claim"], ["compensation_claim.incident", "compensation_claim.id"]),
        sa.PrimaryKeyConstraint("incident", "id"),
        sa.UniqueConstraint("incident", "name"),
    )
    _create_payments()


def _create_payments() -> None:
    op.create_table(
        "payment_file",
        SEAL(),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("made_by", sa.String(), nullable=False),
        sa.Column("made_at", TIME, nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("pay_from", sa.JSON(), nullable=False),
        sa.Column("released_by", sa.String(), nullable=False),
        sa.Column("released_at", TIME, nullable=True),
        sa.Column("form", sa.String(), nullable=False),
        sa.Column("dropped_by", sa.String(), nullable=False),
        sa.Column("dropped_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(["incident"], ["incident.id"]),
        sa.PrimaryKeyConstraint("incident", "id"),
    )
    op.create_table(
        "claim_payment",
        SEAL(),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("claim", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("attempt", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("file", sa.Integer(), nullable=False),
        sa.Column("end_to_end", sa.String(), nullable=False),
        sa.Column("minor", sa.BigInteger(), nullable=False),
        sa.Column("sealed_account", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["incident", "claim"], ["compensation_claim.incident", "compensation_claim.id"]),
        sa.ForeignKeyConstraint(["incident", "file"], ["payment_file.incident", "payment_file.id"]),
        sa.PrimaryKeyConstraint("incident", "claim", "attempt"),
        sa.UniqueConstraint("incident", "end_to_end"),
    )
    op.create_index("ix_claim_payment_file", "claim_payment", ["incident", "file"])


def _create_forget() -> None:
    op.create_table(
        "legal_hold",
        SEAL(),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("person", sa.Integer(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("lifted_by", sa.String(), nullable=False),
        sa.Column("lifted_at", TIME, nullable=True),
        sa.Column("lifted_why", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["incident"], ["incident.id"]),
        sa.PrimaryKeyConstraint("incident", "id"),
    )
    op.create_table(
        "erased_person",
        SEAL(),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("person", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("ref_index", sa.LargeBinary(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("second", sa.String(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["incident"], ["incident.id"]),
        sa.PrimaryKeyConstraint("incident", "person"),
    )
    op.create_table(
        "forgotten",
        SEAL(),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("kept", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["incident"], ["incident.id"]),
        sa.PrimaryKeyConstraint("incident", "kind"),
    )
    op.create_table(
        "retention_date",
        SEAL(),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("until", TIME, nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["incident"], ["incident.id"]),
        sa.PrimaryKeyConstraint("incident"),
    )


def _forbid_changes(table: str, why: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(ON_POSTGRESQL.format(table=table, why=why))
        return
    for verb in ("UPDATE", "DELETE"):
        op.execute(ON_SQLITE.format(table=table, verb=verb, why=why))


def _count_messages() -> None:
    if op.get_bind().dialect.name == "postgresql":
        _count_on_postgresql()
    else:
        _count_on_sqlite()


def _count_on_sqlite() -> None:
    """Count each row as it changes; of a change that concerns no count, only the condition is evaluated."""
    old, new = (HAS_SETTLED.format(row=row) for row in ("OLD", "NEW"))
    differs = f"(NEW.state <> OLD.state OR {' OR '.join(f'NEW.{one} IS NOT OLD.{one}' for one in TALLIED)})"
    update = f"UPDATE OF {', '.join(TALLIED)}"
    triggers = (
        ("insert", "INSERT", "NEW", 1, new),
        ("before", update, "OLD", -1, f"{old} AND {differs}"),
        ("after", update, "NEW", 1, f"{new} AND {differs}"),
        ("delete", "DELETE", "OLD", -1, old),
    )
    for name, event, row, by, counted in triggers:
        key = ", ".join(_spelled(one, f"{row}.") for one in TALLIED)
        op.execute(COUNT_ON_SQLITE.format(name=name, event=event, counted=counted, key=key, by=by))


def _count_on_postgresql() -> None:
    """Count each statement's rows at once."""
    for verb, rows in CHANGES.items():
        chosen = [
            f"SELECT {', '.join(f'{_spelled(one)} AS {one}' for one in TALLIED)}, {by} AS by FROM {name} "
            f"WHERE {HAS_SETTLED.format(row=name)}"
            for name, by in rows.values()
        ]
        tables = " ".join(f"{which} TABLE AS {name}" for which, (name, _) in rows.items())
        parts = {"columns": ", ".join(TALLIED), "changed": " UNION ALL ".join(chosen), "tables": tables}
        op.execute(COUNT_ON_POSTGRESQL.format(verb=verb, **parts))


def _spelled(column: str, row: str = "") -> str:
    return f"coalesce({row}elements, 0)" if column == "elements" else f"{row}{column}"
