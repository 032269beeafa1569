"""A lease names the process that holds it, so that its end is known at once on the same machine."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("lease", sa.Column("holder", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    raise NotImplementedError("the ledger only goes forward; restore a backup instead")
