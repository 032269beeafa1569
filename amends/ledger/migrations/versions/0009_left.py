"""Messages that a relay's log knows of, after a backup was restored."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("left_message", sa.Column("key", sa.String(), nullable=False), sa.PrimaryKeyConstraint("key"))


def downgrade() -> None:
    raise NotImplementedError("the ledger only goes forward; restore a backup instead")
