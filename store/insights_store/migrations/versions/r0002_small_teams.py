"""Figures of teams that are too small to be told about may be left out."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Let figures be unknown."""
    for column in ("distance", "variety"):
        op.execute(f"ALTER TABLE insights.team ALTER COLUMN {column} DROP NOT NULL")
