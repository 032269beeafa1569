"""Who wants no optional messages, and which notices are optional; those of before are such that people must get."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

OPTED_OUT = sa.text("opted_out_at IS NOT NULL")


def upgrade() -> None:
    op.add_column("person", sa.Column("opted_out_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_person_opted_out", "person", ["incident"], postgresql_where=OPTED_OUT, sqlite_where=OPTED_OUT)
    op.add_column("notice", sa.Column("optional", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    raise NotImplementedError("the ledger only goes forward; restore a backup instead")
