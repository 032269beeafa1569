"""What was handed in to authorities."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)

APPEND_ONLY_SQLITE = """
CREATE TRIGGER filing_no_{verb} BEFORE {verb} ON filing
BEGIN SELECT RAISE(ABORT, 'a filing is corrected by one more filing'); END
"""

APPEND_ONLY_POSTGRESQL = """
CREATE FUNCTION filing_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'a filing is corrected by one more filing'; END $$;
CREATE TRIGGER filing_append_only BEFORE UPDATE OR DELETE ON filing
FOR EACH ROW EXECUTE FUNCTION filing_is_append_only()
"""


def upgrade() -> None:
    op.create_table(
        "filing",
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
    _keep_filings_append_only()


def _keep_filings_append_only() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(APPEND_ONLY_SQLITE.format(verb=verb))
    else:
        op.execute(APPEND_ONLY_POSTGRESQL)


def downgrade() -> None:
    raise NotImplementedError("the ledger only goes forward; restore a backup instead")
