"""Every key, reference and policy names the tenant: an environment and a namespace.

A constraint is checked on rows that the one who writes may not see, so a key that lacks the tenant
answers whether somebody else has it. Numbers of publications are drawn by lot for the same reason:
a sequence tells how much others publish.

It only expands: a driver of before names no environment in the tables of a result, and gets its
own.
"""

from alembic import op

revision = "0003"
down_revision = "0002"

KEYS = {
    "cluster": ("number",),
    "team": ("number",),
    "person": ("id",),
    "violation": ("rule", "hard"),
    "rejected_row": (),
}
"""Tables of a result, and what identifies a row within one publication."""

GUARDED = ("attempt", "publication", "tombstone", *KEYS)

TENANTS = (
    "ALTER TABLE insights.tenant ADD environment text",
    # A role of before belongs to the only environment that has used its namespace, or, where it was
    # never used, to the only one there is. Otherwise it sees nothing until it is admitted anew.
    """
WITH used AS (
    SELECT environment, namespace FROM insights.attempt
    UNION SELECT environment, namespace FROM insights.publication)
UPDATE insights.tenant t SET environment = coalesce(
    (SELECT min(environment) FROM used WHERE namespace = t.namespace
     HAVING count(DISTINCT environment) = 1),
    (SELECT min(environment) FROM used
     HAVING count(DISTINCT environment) = 1
        AND NOT coalesce(bool_or(namespace = t.namespace), false)))""",
    """
CREATE FUNCTION insights.own_environment() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS
$$ SELECT environment FROM insights.tenant WHERE role = session_user $$""",
)

PUBLICATIONS = (
    "ALTER TABLE insights.publication ALTER COLUMN id DROP IDENTITY",
    "ALTER TABLE insights.publication ALTER COLUMN id SET DEFAULT "
    "(hashtextextended(gen_random_uuid()::text, 0) & 9223372036854775807)",
    "ALTER TABLE insights.publication ALTER COLUMN published SET DEFAULT clock_timestamp()",
    "ALTER TABLE insights.publication DROP CONSTRAINT publication_pkey CASCADE",
    "ALTER TABLE insights.publication ADD PRIMARY KEY (environment, namespace, id)",
    "ALTER TABLE insights.publication ADD CONSTRAINT publication_linked_from_fkey "
    "FOREIGN KEY (environment, namespace, linked_from) "
    "REFERENCES insights.publication (environment, namespace, id) ON DELETE CASCADE",
    # What links to a publication is looked for when that one goes.
    "CREATE INDEX publication_linked_from ON insights.publication "
    "(environment, namespace, linked_from) WHERE linked_from IS NOT NULL",
)


ENVIRONMENTS = """
CREATE TABLE insights.environment (
    name        text PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 63),
    cluster     text NOT NULL,
    since       timestamptz NOT NULL DEFAULT now())"""


def upgrade() -> None:
    """Add the environment wherever a namespace stands alone."""
    op.execute(ENVIRONMENTS)
    for statement in (*TENANTS, *PUBLICATIONS):
        op.execute(statement)
    for table, rest in KEYS.items():
        op.execute(f"ALTER TABLE insights.{table} ADD environment text")
        op.execute(
            f"UPDATE insights.{table} r SET environment = p.environment "  # noqa: S608 (ours)
            "FROM insights.publication p WHERE p.id = r.publication"
        )
        op.execute(
            f"ALTER TABLE insights.{table} ALTER COLUMN environment SET NOT NULL, "
            "ALTER COLUMN environment SET DEFAULT insights.own_environment()"
        )
        if rest:
            columns = ", ".join(("environment", "namespace", "publication", *rest))
            op.execute(
                f"ALTER TABLE insights.{table} DROP CONSTRAINT {table}_pkey, "
                f"ADD PRIMARY KEY ({columns})"
            )
        else:
            op.execute(f"DROP INDEX insights.{table}_publication")
            op.execute(
                f"CREATE INDEX {table}_publication ON insights.{table} "
                "(environment, namespace, publication)"
            )
        op.execute(
            f"ALTER TABLE insights.{table} ADD CONSTRAINT {table}_publication_fkey "
            "FOREIGN KEY (environment, namespace, publication) "
            "REFERENCES insights.publication (environment, namespace, id) ON DELETE CASCADE"
        )
    for table in GUARDED:
        op.execute(f"DROP POLICY own_namespace ON insights.{table}")
        # In a sub-select, so that it is asked once a statement and not once a row.
        own = (
            "environment = (SELECT insights.own_environment()) "
            "AND namespace = (SELECT insights.own_namespace())"
        )
        op.execute(f"CREATE POLICY own_tenant ON insights.{table} USING ({own}) WITH CHECK ({own})")
