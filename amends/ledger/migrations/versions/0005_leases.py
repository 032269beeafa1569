"""A page of messages is held by one lease; the mark that a message may leave is a row of its own, many to a row."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "lease",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("notice", sa.String(), nullable=False),
        sa.Column("facts", sa.Integer(), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("until", TIME, nullable=False),
        sa.ForeignKeyConstraint(["incident"], ["incident.id"]),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "mark",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("lease", sa.BigInteger(), nullable=False),
        sa.Column("messages", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["lease"], ["lease.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_mark_lease", "mark", ["lease"])
    _end_what_was_under_way()
    op.drop_index("ix_delivery_work", "delivery")
    op.add_column("delivery", sa.Column("lease", sa.BigInteger(), nullable=True))
    op.drop_column("delivery", "fence")
    op.drop_column("delivery", "lease_until")
    due, troubled = (sa.text(f"state IN {states}") for states in (DUE, TROUBLED))
    for name, columns, states in (
        ("ix_delivery_due", ["incident", "notice", "state", "channel", "next_try_at"], due),
        ("ix_delivery_trouble", ["incident", "notice", "state"], troubled),
    ):
        op.create_index(name, "delivery", columns, postgresql_where=states, sqlite_where=states)


DUE = "('waiting', 'deferred')"
TROUBLED = "('bounced', 'complained', 'failed', 'uncertain')"


def _end_what_was_under_way() -> None:
    """As after a crash: what had its mark is in doubt for good, the rest waits."""
    op.execute(
        "UPDATE delivery SET state = 'uncertain', detail = 'the sender stopped before an answer came' "
        "WHERE state = 'in_doubt'"
    )
    op.execute("UPDATE delivery SET state = 'waiting' WHERE state = 'claimed'")


def downgrade() -> None:
    raise NotImplementedError("the ledger only goes forward; restore a backup instead")
