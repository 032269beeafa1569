"""An SMS is found by the name that its gateway gave it, because that is how the gateway reports what became of it."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

NAMED_SMS = sa.text("channel = 'sms' AND provider_id <> ''")


def upgrade() -> None:
    op.create_index("ix_delivery_sms", "delivery", ["provider_id"], postgresql_where=NAMED_SMS, sqlite_where=NAMED_SMS)


def downgrade() -> None:
    raise NotImplementedError("the ledger only goes forward; restore a backup instead")
