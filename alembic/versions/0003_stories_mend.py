"""Stories that merge, split and are mended: evidence beside each event, and what editors said."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("story_event", sa.Column("detail", sa.JSON(), nullable=True))
    op.create_table(
        "feedback",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("revokes_id", BIG_ID, nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["revokes_id"], ["feedback.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("revokes_id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "feedback_article",
        sa.Column("feedback_id", BIG_ID, nullable=False),
        sa.Column("article_id", BIG_ID, nullable=False),
        sa.Column("side", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["feedback_id"], ["feedback.id"]),
        sa.ForeignKeyConstraint(["article_id"], ["article.id"]),
        sa.PrimaryKeyConstraint("feedback_id", "article_id"),
    )
    op.create_index("ix_feedback_article_article_id", "feedback_article", ["article_id"], unique=False)


def downgrade() -> None:
    op.drop_table("feedback_article")
    op.drop_table("feedback")
    with op.batch_alter_table("story_event") as batch:
        batch.drop_column("detail")
