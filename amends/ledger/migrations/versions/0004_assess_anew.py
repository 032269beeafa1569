"""Assessments from before risks and duties were in them are kept under negative numbers, and made anew by the next sweep."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("UPDATE assessment SET version = -version WHERE version > 0")
    op.execute("UPDATE occurrence SET number = -number WHERE step = 'assess' AND number > 0")


def downgrade() -> None:
    raise NotImplementedError("the ledger only goes forward; restore a backup instead")
