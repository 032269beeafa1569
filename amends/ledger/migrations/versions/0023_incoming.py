"""Which texts of people were heard, and how those are found whom an SMS went to."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

SMS = sa.text("channel = 'sms'")


def upgrade() -> None:
    op.create_table(
        "heard",
        sa.Column("once", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("once"),
    )
    op.create_index("ix_delivery_sms_to", "delivery", ["address_index"], postgresql_where=SMS, sqlite_where=SMS)


def downgrade() -> None:
    raise NotImplementedError("the ledger only goes forward; restore a backup instead")
