"""The index of messages in trouble costs SQLite little to keep when its condition is spelled in pairs of words."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

TROUBLED = sa.text("(state IN ('bounced', 'complained') OR state IN ('failed', 'uncertain') OR state = 'parked')")


def upgrade() -> None:
    op.drop_index("ix_delivery_trouble", "delivery")
    columns = ["incident", "notice", "state"]
    op.create_index("ix_delivery_trouble", "delivery", columns, postgresql_where=TROUBLED, sqlite_where=TROUBLED)


def downgrade() -> None:
    raise NotImplementedError("the ledger only goes forward; restore a backup instead")
