"""Executions, attempts, publications, and the tables of a result.

Written in SQL, which is what a database administrator will review. Identity comes first in every
key: environment, namespace, run, execution key. The run's uid belongs to an attempt, so that a run
which is deleted and made again, restored, or moved to another cluster meets its own results.
"""

from alembic import op

revision = "0001"
down_revision = None

IDENTITY = """
    environment text NOT NULL CHECK (length(environment) BETWEEN 1 AND 63),
    namespace   text NOT NULL CHECK (length(namespace) BETWEEN 1 AND 63),
    run         text NOT NULL CHECK (length(run) BETWEEN 1 AND 253)"""

TABLES = (
    f"""
CREATE TABLE insights.attempt ({IDENTITY},
    key         text NOT NULL,
    number      integer NOT NULL CHECK (number > 0),
    token       text,
    settings    text NOT NULL,
    uid         text NOT NULL,
    child_kind  text NOT NULL,
    child       text NOT NULL,
    spec        jsonb NOT NULL,
    state       text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'ended')),
    failure     text CHECK (failure IN ('user', 'transient', 'resource', 'displaced')),
    reason      text NOT NULL DEFAULT '',
    message     text NOT NULL DEFAULT '',
    claim       integer NOT NULL DEFAULT 0,
    started     timestamptz NOT NULL DEFAULT now(),
    claimed     timestamptz,
    heartbeat   timestamptz,
    ended       timestamptz,
    changed     timestamptz NOT NULL DEFAULT now(),
    stage       text,
    percent     integer NOT NULL DEFAULT 0,
    remaining_seconds integer,
    PRIMARY KEY (environment, namespace, run, key, number))""",
    # At most one attempt of a run may publish, whatever else goes wrong.
    """
CREATE UNIQUE INDEX attempt_active ON insights.attempt (environment, namespace, run)
    WHERE state = 'active'""",
    "CREATE INDEX attempt_changed ON insights.attempt (environment, changed)",
    f"""
CREATE TABLE insights.publication (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,{IDENTITY},
    key         text NOT NULL,
    token       text,
    attempt     integer NOT NULL,
    claim       integer NOT NULL,
    fingerprint text NOT NULL,
    engine      text NOT NULL,
    prefix      text NOT NULL,
    linked_from bigint REFERENCES insights.publication (id) ON DELETE CASCADE,
    summary     jsonb NOT NULL,
    published   timestamptz NOT NULL DEFAULT now(),
    UNIQUE (environment, namespace, run, key, attempt))""",
    """
CREATE TABLE insights.cluster (
    publication bigint NOT NULL REFERENCES insights.publication (id) ON DELETE CASCADE,
    namespace   text NOT NULL,
    number      integer NOT NULL,
    name        text NOT NULL,
    size        integer NOT NULL,
    share       double precision NOT NULL,
    words       text NOT NULL,
    stability   double precision,
    means       jsonb NOT NULL,
    PRIMARY KEY (publication, number))""",
    """
CREATE TABLE insights.team (
    publication bigint NOT NULL REFERENCES insights.publication (id) ON DELETE CASCADE,
    namespace   text NOT NULL,
    number      integer NOT NULL,
    name        text NOT NULL,
    type        text NOT NULL,
    size        integer NOT NULL,
    distance    double precision NOT NULL,
    variety     double precision NOT NULL,
    means       jsonb NOT NULL,
    PRIMARY KEY (publication, number))""",
    """
CREATE TABLE insights.person (
    publication bigint NOT NULL REFERENCES insights.publication (id) ON DELETE CASCADE,
    namespace   text NOT NULL,
    id          text NOT NULL,
    name        text,
    cluster     integer NOT NULL,
    confidence  real,
    team        integer,
    PRIMARY KEY (publication, id))""",
    """
CREATE TABLE insights.violation (
    publication bigint NOT NULL REFERENCES insights.publication (id) ON DELETE CASCADE,
    namespace   text NOT NULL,
    rule        text NOT NULL,
    hard        boolean NOT NULL,
    amount      double precision NOT NULL,
    teams       integer NOT NULL,
    PRIMARY KEY (publication, rule, hard))""",
    """
CREATE TABLE insights.rejected_row (
    publication bigint NOT NULL REFERENCES insights.publication (id) ON DELETE CASCADE,
    namespace   text NOT NULL,
    row         bigint NOT NULL,
    "column"    text NOT NULL,
    reason      text NOT NULL)""",
    "CREATE INDEX rejected_row_publication ON insights.rejected_row (publication)",
    f"""
CREATE TABLE insights.tombstone ({IDENTITY},
    written     timestamptz NOT NULL DEFAULT now(),
    done        timestamptz,
    PRIMARY KEY (environment, namespace, run, written))""",
    """
CREATE TABLE insights.tenant (
    role        name PRIMARY KEY,
    namespace   text NOT NULL)""",
)

GUARDED = (
    "attempt",
    "publication",
    "cluster",
    "team",
    "person",
    "violation",
    "rejected_row",
    "tombstone",
)

NAMESPACE_OF_ROLE = """
CREATE FUNCTION insights.own_namespace() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS
$$ SELECT namespace FROM insights.tenant WHERE role = session_user $$"""


def upgrade() -> None:
    """Make every table, and let each role see only its own namespace.

    The owner of the tables is not held by the policies: the operator, and a laptop.
    """
    for statement in (*TABLES, NAMESPACE_OF_ROLE):
        op.execute(statement)
    for table in GUARDED:
        op.execute(f"ALTER TABLE insights.{table} ENABLE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY own_namespace ON insights.{table} "
            "USING (namespace = insights.own_namespace()) "
            "WITH CHECK (namespace = insights.own_namespace())"
        )
