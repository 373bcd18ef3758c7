"""How results end: what is being removed says so, and attempts know the schedule of their run.

A result that is being removed goes in steps. `going` hides it from everybody from the first of them
on, and lets the rest be taken up again after a crash.

It only expands: older operators and drivers know neither column, and need not.
"""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the two columns, and what finds them."""
    op.execute("ALTER TABLE insights.publication ADD going timestamptz")
    op.execute(
        "CREATE INDEX publication_going ON insights.publication (environment) "
        "WHERE going IS NOT NULL"
    )
    op.execute("ALTER TABLE insights.attempt ADD schedule text")
    op.execute(
        "CREATE INDEX attempt_schedule ON insights.attempt (environment, namespace, schedule) "
        "WHERE schedule IS NOT NULL"
    )
