"""Two kinds of reader: tables of what may be told to anybody, and views for roles that read.

Tables of before stay as they are and are the owner's. What any reader may see is written apart, of
values that carry noise; the secret and the layers of the noise are the drivers' alone. Roles that
read have no right on any table: only on views, which show the rows of tenants whose role the
session's user is or is a member of.

It only expands: a driver of before writes no rows for readers, and they see none.
"""

from alembic import op

revision = "0004"
down_revision = "0003"

TENANT = """
    environment text NOT NULL DEFAULT insights.own_environment(),
    namespace   text NOT NULL"""

RESULT = f"""{TENANT},
    publication bigint NOT NULL,
    FOREIGN KEY (environment, namespace, publication)
        REFERENCES insights.publication (environment, namespace, id) ON DELETE CASCADE"""

TABLES = (
    f"""
CREATE TABLE insights.told_cluster ({RESULT},
    number      integer NOT NULL,
    name        text NOT NULL,
    size        integer CHECK (size >= 5),
    words       text NOT NULL,
    stability   double precision,
    means       jsonb NOT NULL,
    PRIMARY KEY (environment, namespace, publication, number))""",
    f"""
CREATE TABLE insights.told_team ({RESULT},
    number      integer NOT NULL,
    name        text NOT NULL,
    type        text NOT NULL,
    size        integer NOT NULL,
    PRIMARY KEY (environment, namespace, publication, number))""",
    f"""
CREATE TABLE insights.told_rule ({RESULT},
    rule        text NOT NULL,
    hard        boolean NOT NULL,
    says        text NOT NULL,
    kept        boolean,
    PRIMARY KEY (environment, namespace, publication, rule, hard))""",
    """
CREATE TABLE insights.noise_secret (
    environment text NOT NULL,
    namespace   text NOT NULL,
    secret      bytea NOT NULL CHECK (length(secret) >= 32),
    PRIMARY KEY (environment, namespace))""",
    """
CREATE TABLE insights.noise_layer (
    environment text NOT NULL,
    namespace   text NOT NULL,
    source      text NOT NULL,
    number      integer NOT NULL CHECK (number >= 0),
    layer       jsonb NOT NULL,
    PRIMARY KEY (environment, namespace, source, number))""",
)

GUARDED = ("told_cluster", "told_team", "told_rule", "noise_secret", "noise_layer")

KINDS = (
    "ALTER TABLE insights.tenant ADD kind text NOT NULL DEFAULT 'driver' "
    "CHECK (kind IN ('driver', 'reader', 'owner'))",
    # Who asks is the user of the session, also within a view; an owner may what a reader may.
    """
CREATE FUNCTION insights.may_read(which_environment text, which_namespace text, wanted text)
RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS
$$ SELECT EXISTS (
    SELECT 1 FROM insights.tenant t JOIN pg_roles r ON r.rolname = t.role
    WHERE t.environment = which_environment AND t.namespace = which_namespace
      AND t.kind IN (wanted, 'owner') AND pg_has_role(session_user, r.oid, 'MEMBER')) $$""",
)

READER_VIEWS = {
    "reader_publications": (
        "publication",
        "id AS publication, environment, namespace, run, key, engine, summary, published, "
        "coalesce(linked_from, id) AS rows",
    ),
    "reader_clusters": (
        "told_cluster",
        "publication, environment, namespace, number, name, size, words, stability, means",
    ),
    "reader_teams": (
        "told_team",
        "publication, environment, namespace, number, name, type, size",
    ),
    "reader_rules": (
        "told_rule",
        "publication, environment, namespace, rule, hard, says, kept",
    ),
}
TOLD = """ AND EXISTS (SELECT 1 FROM insights.told_cluster c
    WHERE c.environment = t.environment AND c.namespace = t.namespace
      AND c.publication = coalesce(t.linked_from, t.id))"""
"""Summaries of before are exact."""
OWNER_VIEWS = {
    "owner_publications": ("publication", "*"),
    "owner_clusters": ("cluster", "*"),
    "owner_teams": ("team", "*"),
    "owner_people": ("person", "*"),
    "owner_violations": ("violation", "*"),
    "owner_rejected_rows": ("rejected_row", "*"),
}


def upgrade() -> None:
    """Add tables, their policies, and the views."""
    for statement in (*TABLES, *KINDS):
        op.execute(statement)
    own = (
        "environment = (SELECT insights.own_environment()) "
        "AND namespace = (SELECT insights.own_namespace())"
    )
    for table in GUARDED:
        op.execute(f"ALTER TABLE insights.{table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY own_tenant ON insights.{table} USING ({own}) WITH CHECK ({own})")
    for kind, views in (("reader", READER_VIEWS), ("owner", OWNER_VIEWS)):
        for view, (table, columns) in views.items():
            # A barrier: no condition of a query sees a row that the view does not show.
            op.execute(
                f"CREATE VIEW insights.{view} WITH (security_barrier) AS "  # noqa: S608 (ours)
                f"SELECT {columns} FROM insights.{table} t "
                f"WHERE insights.may_read(environment, namespace, '{kind}')"
                + (TOLD if view == "reader_publications" else "")
            )
