"""What was found when everybody's message of a draft was put together; of those drafted before it is not known."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("notice", sa.Column("preflight", sa.JSON(), nullable=True))


def downgrade() -> None:
    raise NotImplementedError("the ledger only goes forward; restore a backup instead")
