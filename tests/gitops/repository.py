"""A git repository that Argo CD follows, and what people do to it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

__all__ = ["Repository"]


class Repository:
    """A repository with one branch, `main`."""

    def __init__(self, folder: Path) -> None:
        """Make it, empty."""
        self._folder = folder
        folder.mkdir(parents=True)
        self._git("init", "--quiet", "--initial-branch=main")

    @property
    def url(self) -> str:
        """Where Argo CD finds it."""
        return f"file://{self._folder}"

    def take(self, *sources: Path) -> None:
        """Commit copies of folders, each under its own name."""
        for source in sources:
            shutil.copytree(source, self._folder / source.name, symlinks=True)
        self._commit("Add what is installed")

    def commit(self, files: Mapping[str, Any]) -> str:
        """Commit documents by their path, None for one to remove; the new revision."""
        for name, document in files.items():
            path = self._folder / name
            if document is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(document if isinstance(document, str) else yaml.safe_dump(document))
        return self._commit(f"Change {', '.join(files)}")

    def revert(self) -> str:
        """Take the last commit back; the new revision."""
        self._git("revert", "--quiet", "--no-edit", "HEAD")
        return self._git("rev-parse", "HEAD")

    def _commit(self, message: str) -> str:
        self._git("add", "--all")
        self._git("commit", "--quiet", "-m", message)
        return self._git("rev-parse", "HEAD")

    def _git(self, *arguments: str) -> str:
        person = {
            f"GIT_{role}_{part}": value
            for role in ("AUTHOR", "COMMITTER")
            for part, value in (("NAME", "A person"), ("EMAIL", "person@example.org"))
        }
        done = subprocess.run(
            ["git", "-C", str(self._folder), *arguments],
            env={**os.environ, **person}, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout.strip()
