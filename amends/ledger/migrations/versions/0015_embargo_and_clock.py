"""Law enforcement can hold everything back for a while, and a clock that jumps is noticed between two runs."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("incident", sa.Column("embargo_until", TIME, nullable=True))
    op.add_column("incident", sa.Column("embargo_why", sa.String(), nullable=False, server_default=""))
    op.create_table(
        "clock",
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("boot", sa.String(), nullable=False),
        sa.Column("elapsed", sa.Float(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("doubt", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("host"),
    )


def downgrade() -> None:
    raise NotImplementedError("the ledger only goes forward; restore a backup instead")
