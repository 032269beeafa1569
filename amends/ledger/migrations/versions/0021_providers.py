"""Which channels have a provider, so that a machine that only writes files for them is known to be set up wrongly."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("provided", sa.Column("channel", sa.String(), primary_key=True))


def downgrade() -> None:
    raise NotImplementedError("the ledger only goes forward; restore a backup instead")
