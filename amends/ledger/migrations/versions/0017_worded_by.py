"""Who gave a promise's evidence or reason cannot approve the notice that tells it."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

LAST_WORDED = """
UPDATE commitment SET worded_by = coalesce((
    SELECT actor FROM audit
    WHERE audit.incident = commitment.incident AND subject = commitment.id
    AND act IN ('commitment kept', 'commitment put off', 'commitment dropped')
    ORDER BY seq DESC LIMIT 1
), '')
"""


def upgrade() -> None:
    op.add_column("commitment", sa.Column("worded_by", sa.String(), nullable=False, server_default=""))
    op.execute(LAST_WORDED)


def downgrade() -> None:
    raise NotImplementedError("the ledger only goes forward; restore a backup instead")
