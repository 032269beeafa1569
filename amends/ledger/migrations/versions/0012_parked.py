"""A message that is at fault itself is parked, which is a state of its own: a person must decide on it."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

TROUBLED = sa.text("state IN ('bounced', 'complained', 'failed', 'uncertain', 'parked')")


def upgrade() -> None:
    op.execute(
        "UPDATE delivery SET state = 'parked', detail = substr(detail, 9) "
        "WHERE state = 'held' AND detail LIKE 'parked: fault %'"
    )
    op.drop_index("ix_delivery_trouble", "delivery")
    columns = ["incident", "notice", "state"]
    op.create_index("ix_delivery_trouble", "delivery", columns, postgresql_where=TROUBLED, sqlite_where=TROUBLED)


def downgrade() -> None:
    raise NotImplementedError("the ledger only goes forward; restore a backup instead")
