"""What an outlet always writes: the sentences of each article, and its text without those that stand in many."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("article", sa.Column("sentences", sa.LargeBinary(), nullable=True))
    op.add_column("article", sa.Column("news_text", sa.Text(), nullable=True))
    op.create_index("ix_article_source_id", "article", ["source", "id"])


def downgrade() -> None:
    op.drop_index("ix_article_source_id", "article")
    with op.batch_alter_table("article") as batch:
        batch.drop_column("news_text")
        batch.drop_column("sentences")
