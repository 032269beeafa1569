"""Notices of which more may have left than a restored ledger holds."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "restored_notice",
        sa.Column("incident", sa.String(), primary_key=True),
        sa.Column("notice", sa.String(), primary_key=True),
        sa.Column("may_have_left", sa.String(), nullable=False),
    )


def downgrade() -> None:
    raise NotImplementedError("the ledger only goes forward; restore a backup instead")
