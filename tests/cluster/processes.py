"""Servers as child processes: they end with us, and say why when they do not come up."""

from __future__ import annotations

import ctypes
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

__all__ = ["Processes", "free_port", "wait_for"]

_PR_SET_PDEATHSIG = 1
# An API server waits for its watches much longer; nothing of a test outlives it.
_GRACE_SECONDS = 5.0


class Processes:
    """Servers that were started, the last one stopped first."""

    def __init__(self, logs: Path) -> None:
        """Keep logs in a folder."""
        self._logs = logs
        self._running: list[tuple[str, subprocess.Popen[bytes]]] = []
        logs.mkdir(parents=True, exist_ok=True)

    def start(
        self,
        name: str,
        command: Sequence[str | Path],
        ready: Callable[[], bool],
        *,
        environment: Mapping[str, str] | None = None,
        deadline: float = 90.0,
    ) -> None:
        """Start a server and wait until it is ready.

        Raises:
            RuntimeError: it ended, or was not ready in time; its log is quoted.
        """
        path = self._logs / f"{name}.log"
        with path.open("wb") as log:
            process = subprocess.Popen(
                [str(part) for part in command],
                stdout=log,
                stderr=log,
                env=None if environment is None else dict(environment),
                preexec_fn=_die_with_parent,
            )
        self._running.append((name, process))
        try:
            wait_for(lambda: process.poll() is not None or ready(), deadline)
        except TimeoutError:
            raise RuntimeError(
                f"{name} was not ready in {deadline:.0f} s:\n{_tail(path)}"
            ) from None
        if process.poll() is not None:
            raise RuntimeError(f"{name} ended with {process.returncode}:\n{_tail(path)}")

    def stop(self, *names: str) -> None:
        """Stop the named servers, or all of them."""
        chosen = [each for each in reversed(self._running) if not names or each[0] in names]
        for _, process in chosen:
            process.terminate()
        for _, process in chosen:
            try:
                process.wait(timeout=_GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._running = [each for each in self._running if each not in chosen]

    def log(self, name: str) -> str:
        """The end of a server's log."""
        return _tail(self._logs / f"{name}.log")


def wait_for(condition: Callable[[], bool], deadline: float, pause: float = 0.1) -> None:
    """Wait until a condition holds.

    Raises:
        TimeoutError: it did not within `deadline` seconds.
    """
    end = time.monotonic() + deadline
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {deadline:.0f} s")
        time.sleep(pause)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _tail(path: Path) -> str:
    return path.read_bytes()[-3000:].decode(errors="replace")
