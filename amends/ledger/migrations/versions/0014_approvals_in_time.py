"""Approvers have deputies and are reminded; two of them can let a notice leave in an emergency."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("member", sa.Column("deputy", sa.String(), nullable=False, server_default=""))
    op.add_column("member", sa.Column("deputy_until", TIME, nullable=True))
    op.add_column("member", sa.Column("sealed_contact", sa.LargeBinary(), nullable=True))
    op.add_column("approval", sa.Column("given_by", sa.String(), nullable=False, server_default=""))
    op.create_table(
        "emergency",
        sa.Column("incident", sa.String(), nullable=False),
        sa.Column("notice", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("binding", sa.String(), nullable=False),
        sa.Column("first", sa.String(), sa.ForeignKey("member.name"), nullable=False),
        sa.Column("second", sa.String(), sa.ForeignKey("member.name"), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("given", sa.Integer(), nullable=False),
        sa.Column("needed", sa.Integer(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["incident", "notice", "version"], ["notice.incident", "notice.notice", "notice.version"]
        ),
        sa.PrimaryKeyConstraint("incident", "notice", "version"),
    )
    op.create_table(
        "approval_reminder",
        sa.Column("incident", sa.String(), sa.ForeignKey("incident.id"), nullable=False),
        sa.Column("notice", sa.String(), nullable=False),
        sa.Column("member", sa.String(), sa.ForeignKey("member.name"), nullable=False),
        sa.Column("occasion", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("settled_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("incident", "notice", "member", "occasion"),
    )


def downgrade() -> None:
    raise NotImplementedError("the ledger only goes forward; restore a backup instead")
