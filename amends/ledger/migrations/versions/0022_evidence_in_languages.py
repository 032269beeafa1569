"""Evidence of a promise has one text per language; what was given before stands for every language."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

COMMITMENT = sa.table("commitment", sa.column("incident"), sa.column("id"), sa.column("evidence", sa.String))


def upgrade() -> None:
    connection, column = op.get_bind(), COMMITMENT.c
    for incident, promise, said in connection.execute(sa.select(COMMITMENT)).all():
        this = sa.update(COMMITMENT).where(column.incident == incident, column.id == promise)
        connection.execute(this.values(evidence=json.dumps({"*": said} if said else {})))
    with op.batch_alter_table("commitment") as commitment:
        commitment.alter_column(
            "evidence", existing_type=sa.String(), type_=sa.JSON(), postgresql_using="evidence::json"
        )


def downgrade() -> None:
    raise NotImplementedError("the ledger only goes forward; restore a backup instead")
