"""How results end: what is being removed says so, and attempts know the schedule of their run.

A result that is being removed goes in steps. `going` hides it from everybody from the first of them
on, and lets the rest be taken up again after a crash.

It only expands: older operators and drivers know neither column, and need not.
"""

from alembic import op

revision = "0005"
down_revision = "0004"

STATEMENTS = (
    "ALTER TABLE insights.publication ADD going timestamptz",
    "CREATE INDEX publication_going ON insights.publication (environment) WHERE going IS NOT NULL",
    "ALTER TABLE insights.attempt ADD schedule text",
    "CREATE INDEX attempt_schedule ON insights.attempt (environment, namespace, schedule) "
    "WHERE schedule IS NOT NULL",
    """
CREATE OR REPLACE VIEW insights.reader_publications WITH (security_barrier) AS
SELECT id AS publication, environment, namespace, run, key, engine, summary, published,
       coalesce(linked_from, id) AS rows
FROM insights.publication t
WHERE insights.may_read(environment, namespace, 'reader') AND going IS NULL
  AND EXISTS (SELECT 1 FROM insights.told_cluster c
    WHERE c.environment = t.environment AND c.namespace = t.namespace
      AND c.publication = coalesce(t.linked_from, t.id))""",
    """
CREATE OR REPLACE VIEW insights.owner_publications WITH (security_barrier) AS
SELECT * FROM insights.publication t
WHERE insights.may_read(environment, namespace, 'owner') AND going IS NULL""",
)


def upgrade() -> None:
    """Add the two columns and what finds them, and hide what is going from those who read."""
    for statement in STATEMENTS:
        op.execute(statement)
