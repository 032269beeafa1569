"""Assessments from before risks and duties were in them stay under negative numbers; the sweep makes new ones."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("UPDATE assessment SET version = -version WHERE version > 0")


def downgrade() -> None:
    raise NotImplementedError("the ledger only goes forward; restore a backup instead")
