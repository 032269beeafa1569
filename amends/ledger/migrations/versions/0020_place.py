"""In which database the ledger was written, so that a restored copy is known by itself."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("key_check", sa.Column("place", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    raise NotImplementedError("the ledger only goes forward; restore a backup instead")
