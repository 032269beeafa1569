"""The people of an incident in numbers, kept from the moment it is opened."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("incident", sa.Column("counts", sa.JSON(), nullable=True))


def downgrade() -> None:
    raise NotImplementedError("the ledger only goes forward; restore a backup instead")
