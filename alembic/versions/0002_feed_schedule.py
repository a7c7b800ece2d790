"""Feeds with a schedule of their own: when next, under whose lease, how it went; and the articles that still wait."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# All of them may be empty: SQLite adds such columns in place, and rewriting a table that others refer to it does not.
FEED_COLUMNS = (
    ("scope", sa.Text()),
    ("group", sa.Text()),
    ("cron", sa.Text()),
    ("origin", sa.Text()),
    ("next_at", sa.DateTime(timezone=True)),
    ("lease_owner", sa.Text()),
    ("lease_until", sa.DateTime(timezone=True)),
    ("failure_class", sa.String(length=16)),
    ("disabled_at", sa.DateTime(timezone=True)),
    ("disabled_reason", sa.String(length=16)),
    ("entries_per_hour", sa.Float()),
    ("hints", sa.JSON()),
    ("moving_to", sa.Text()),
    ("problem", sa.Text()),
    ("history", sa.JSON()),
)


def upgrade() -> None:
    for name, kind in FEED_COLUMNS:
        op.add_column("feed", sa.Column(name, kind, nullable=True))
    op.create_index("ix_feed_next_at", "feed", ["next_at"], unique=False)
    op.create_index("ix_feed_scope", "feed", ["scope"], unique=True)
    # Nobody knows any more which of them came from a list that is polled: the list itself enables them again.
    op.execute("UPDATE feed SET disabled_reason = 'once', disabled_at = added_at")
    op.create_table(
        "pending",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("edition", sa.String(length=64), nullable=False),
        sa.Column("feed_id", BIG_ID, nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("article", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["feed_id"], ["feed.id"], ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    op.create_index("ix_pending_at", "pending", ["at"], unique=False)


def downgrade() -> None:
    op.drop_table("pending")
    op.drop_index("ix_feed_scope", "feed")
    op.drop_index("ix_feed_next_at", "feed")
    for name, _ in reversed(FEED_COLUMNS):
        op.drop_column("feed", name)
