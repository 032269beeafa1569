"""How the questions of one person are found, and how all of them are counted."""

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

COUNTED = ["incident", "person", "theme", "answered_at", "reply_due_at"]


def upgrade() -> None:
    op.create_index("ix_question_person", "question", COUNTED)


def downgrade() -> None:
    raise NotImplementedError("the ledger only goes forward; restore a backup instead")
