"""A real node beside a control plane: containerd, kubelet, kube-proxy, CoreDNS, a bridge for pods.

kube-router makes it obey network policies. Needs root, and Debian's containerd, runc, CNI plugins,
iptables, ipset and conntrack. What a machine lacks
is named by `missing`, so that tests can say why they are skipped.
"""

from __future__ import annotations

import json
import os
import shutil
import socket as socket_module
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import yaml

from tests.cluster.binaries import binary
from tests.cluster.controlplane import SERVICES, ControlPlane, answers
from tests.cluster.images import PAUSE_IMAGE
from tests.cluster.kubectl import Kubectl
from tests.cluster.processes import Processes, free_port, wait_for

__all__ = ["BRIDGE_ADDRESS", "Node", "bridge", "missing", "node"]

BRIDGE_ADDRESS = "10.88.0.1"
"""Where pods reach the machine."""

_BRIDGE = "cni0"
_SUBNET = "10.88.0.0/24"
_CNI = Path("/usr/lib/cni")
_PROGRAMS = (
    "containerd", "ctr", "runc", "iptables", "ipset", "conntrack", "ip", "buildah", "debootstrap",
)  # fmt: skip
_NAME = "node1"


@dataclass(frozen=True)
class Node:
    """A node that runs.

    Attributes:
        socket: of containerd.
    """

    socket: Path

    def load(self, archives: Iterable[Path]) -> None:
        """Import images."""
        for path in archives:
            self._ctr("images", "import", "--no-unpack", str(path))

    def kill_container(self, pod: str, container: str) -> None:
        """SIGKILL the processes of a pod's container, as the kernel does when memory runs out."""
        label = 'labels."io.kubernetes.{}.name"=={}'
        wanted = ",".join([label.format("pod", pod), label.format("container", container)])
        (name,) = self._ctr("containers", "ls", "-q", wanted).split()
        self._ctr("tasks", "kill", "-s", "SIGKILL", "--all", name)

    def _ctr(self, *arguments: str) -> str:
        done = subprocess.run(
            ["ctr", "-a", str(self.socket), "-n", "k8s.io", *arguments],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise RuntimeError(f"ctr {' '.join(arguments)}: {done.stderr[-500:]}")
        return done.stdout


def missing() -> str | None:
    """Why this machine cannot carry a node; None where it can."""
    if os.geteuid() != 0:
        return "a node needs root"
    absent = [name for name in _PROGRAMS if shutil.which(name) is None]
    if absent or not (_CNI / "bridge").is_file():
        return f"not installed: {', '.join(absent) or 'containernetworking-plugins'}"
    return None


@contextmanager
def bridge() -> Iterator[None]:
    """The bridge that pods are connected to. Servers for pods listen on its address."""
    _ip("link", "del", _BRIDGE, quiet=True)
    _ip("link", "add", "name", _BRIDGE, "type", "bridge")
    try:
        _ip("addr", "add", f"{BRIDGE_ADDRESS}/24", "dev", _BRIDGE)
        _ip("link", "set", _BRIDGE, "up")
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
        # What goes from pod to pod over the bridge meets the packet filter, too.
        Path("/proc/sys/net/bridge/bridge-nf-call-iptables").write_text("1")
        yield
    finally:
        _ip("link", "del", _BRIDGE, quiet=True)


@contextmanager
def node(plane: ControlPlane) -> Iterator[Node]:
    """Join a node to a control plane that was started on the bridge; afterwards no trace is left.

    Raises:
        RuntimeError: a part of it does not come up; its log is quoted.
    """
    folder = plane.folder / "node"
    folder.mkdir()
    processes = Processes(plane.folder / "logs")
    socket = folder / "containerd.sock"
    running = Node(socket)
    try:
        _start_containerd(processes, folder, running)
        _start_scheduler(processes, plane)
        _start_coredns(processes, plane, folder)
        _start_kubelet(processes, plane, folder)
        _start_proxy(processes, plane, folder)
        _start_firewall(processes, plane)
        yield running
    finally:
        _empty(processes, socket, folder, plane)


def _start_containerd(processes: Processes, folder: Path, running: Node) -> None:
    network = folder / "cni"
    network.mkdir()
    plugins = [
        {
            "type": "bridge", "bridge": _BRIDGE, "isGateway": True, "ipMasq": True,
            "hairpinMode": True,
            "ipam": {
                "type": "host-local", "dataDir": str(folder / "ipam"),
                "ranges": [[{"subnet": _SUBNET, "rangeStart": "10.88.0.10"}]],
                "routes": [{"dst": "0.0.0.0/0"}],
            },
        },
        {"type": "portmap", "capabilities": {"portMappings": True}},
    ]  # fmt: skip
    (network / "10-bridge.conflist").write_text(
        json.dumps({"cniVersion": "0.4.0", "name": "pods", "plugins": plugins})
    )
    configuration = folder / "containerd.toml"
    configuration.write_text(
        f"""version = 2
root = "{folder}/containerd"
state = "{folder}/state"
[grpc]
  address = "{running.socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  # Without it runc dies where the process lacks CAP_SYS_RESOURCE.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{_CNI}"
    conf_dir = "{network}"
"""
    )
    processes.start(
        "containerd",
        ["containerd", "--config", configuration],
        lambda: _succeeds("ctr", "-a", str(running.socket), "version"),
    )


def _start_scheduler(processes: Processes, plane: ControlPlane) -> None:
    port = free_port()
    processes.start(
        "kube-scheduler",
        [
            binary("kube-scheduler"), f"--kubeconfig={plane.kubeconfig}", "--leader-elect=false",
            f"--authentication-kubeconfig={plane.kubeconfig}", "--bind-address=127.0.0.1",
            f"--authorization-kubeconfig={plane.kubeconfig}", f"--secure-port={port}",
            f"--cert-dir={plane.folder}",
        ],
        lambda: answers(f"https://127.0.0.1:{port}/healthz"),
    )  # fmt: skip


def _start_coredns(processes: Processes, plane: ControlPlane, folder: Path) -> None:
    corefile = folder / "Corefile"
    corefile.write_text(
        f""".:53 {{
    bind {BRIDGE_ADDRESS}
    kubernetes cluster.local in-addr.arpa {{
        kubeconfig {plane.kubeconfig}
        pods insecure
    }}
}}
"""
    )
    processes.start("coredns", [binary("coredns"), "-conf", corefile], _resolves)


def _start_kubelet(processes: Processes, plane: ControlPlane, folder: Path) -> None:
    resolver = folder / "resolv.conf"
    resolver.write_text(f"nameserver {BRIDGE_ADDRESS}\n")
    settings = folder / "kubelet.yaml"
    settings.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "kubelet.config.k8s.io/v1beta1",
                "kind": "KubeletConfiguration",
                "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
                "authorization": {"mode": "AlwaysAllow"},
                "cgroupDriver": "cgroupfs",
                "failCgroupV1": False,
                "enforceNodeAllocatable": [],
                "localStorageCapacityIsolation": False,
                "failSwapOn": False,
                "evictionHard": {
                    "memory.available": "100Mi",
                    "nodefs.available": "1%",
                    "nodefs.inodesFree": "1%",
                    "imagefs.available": "1%",
                },
                "imageGCHighThresholdPercent": 100,
                "imageGCLowThresholdPercent": 99,
                "clusterDNS": [BRIDGE_ADDRESS],
                "clusterDomain": "cluster.local",
                "resolvConf": str(resolver),
                "containerRuntimeEndpoint": f"unix://{folder}/containerd.sock",
                "port": free_port(),
                "healthzPort": free_port(),
                "serializeImagePulls": False,
                "registerWithTaints": [],
                "syncFrequency": "5s",
                "nodeStatusUpdateFrequency": "5s",
                # Two real cores carry the pods of a small Ray cluster; requests are scheduled
                # against what the node says it has.
                "maxPods": 60,
            }
        )
    )
    kubectl = Kubectl(plane.kubeconfig)
    processes.start(
        "kubelet",
        [
            binary("kubelet"), f"--config={settings}", f"--kubeconfig={plane.kubeconfig}",
            f"--root-dir={folder}/kubelet", f"--node-ip={BRIDGE_ADDRESS}",
            f"--hostname-override={_NAME}", f"--cert-dir={folder}",
        ],
        lambda: kubectl.ready_node(_NAME),
        deadline=120,
    )  # fmt: skip


def _start_proxy(processes: Processes, plane: ControlPlane, folder: Path) -> None:
    health = free_port()
    processes.start(
        "kube-proxy",
        [
            binary("kube-proxy"), f"--kubeconfig={plane.kubeconfig}", f"--cluster-cidr={_SUBNET}",
            f"--hostname-override={_NAME}", "--proxy-mode=iptables", "--conntrack-max-per-core=0",
            f"--metrics-bind-address=127.0.0.1:{free_port()}",
            f"--healthz-bind-address=127.0.0.1:{health}",
            "--conntrack-tcp-timeout-established=0s", "--conntrack-tcp-timeout-close-wait=0s",
        ],
        lambda: answers(f"http://127.0.0.1:{health}/livez"),
    )  # fmt: skip


def _start_firewall(processes: Processes, plane: ControlPlane) -> None:
    health = free_port()
    processes.start(
        "kube-router",
        [
            binary("kube-router"), f"--kubeconfig={plane.kubeconfig}", "--run-firewall=true",
            "--run-router=false", "--run-service-proxy=false", f"--hostname-override={_NAME}",
            f"--service-cluster-ip-range={SERVICES}", f"--health-port={health}",
        ],
        lambda: answers(f"http://127.0.0.1:{health}/healthz"),
    )  # fmt: skip


def _empty(processes: Processes, socket: Path, folder: Path, plane: ControlPlane) -> None:
    processes.stop("kubelet", "kube-router", "kube-proxy", "kube-scheduler", "coredns")
    _succeeds(str(binary("kube-router")), "--cleanup-config")
    _succeeds(str(binary("kube-proxy")), "--cleanup", f"--kubeconfig={plane.kubeconfig}")
    ctr = ("ctr", "-a", str(socket), "-n", "k8s.io")
    listed = subprocess.run(
        [*ctr, "tasks", "ls", "-q"], capture_output=True, text=True, check=False
    )
    for name in listed.stdout.split():
        _succeeds(*ctr, "tasks", "kill", "-s", "SIGKILL", "--all", name)
    processes.stop()
    for shim in psutil.process_iter(["cmdline"]):
        if str(socket) in (shim.info["cmdline"] or ()):
            for child in shim.children(recursive=True):
                child.kill()
            shim.kill()
    _forget_rules()
    for netns in Path("/run/netns").glob("cni-*"):
        _ip("netns", "del", netns.name, quiet=True)
    _unmount(folder)
    for kubepods in Path("/sys/fs/cgroup").glob("**/kubepods"):
        for group in sorted(kubepods.rglob("*"), reverse=True):
            if group.is_dir():
                _quietly(group.rmdir)
        _quietly(kubepods.rmdir)
    # Unpacked images are a hundred thousand files, over which Python takes minutes.
    subprocess.run(["rm", "-rf", folder], check=False)


def _forget_rules() -> None:
    """Take what CNI and kube-proxy wrote out of the packet filter."""
    saved = subprocess.run(["iptables-save"], capture_output=True, text=True, check=False).stdout
    kept = [line for line in saved.splitlines() if "CNI-" not in line and "KUBE-" not in line]
    subprocess.run(["iptables-restore"], input="\n".join(kept) + "\n", text=True, check=False)


def _unmount(folder: Path) -> None:
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for point in sorted((m for m in mounts if m.startswith(f"{folder}/")), reverse=True):
        _succeeds("umount", "-l", point)
    wait_for(lambda: str(folder) not in Path("/proc/mounts").read_text(), 10)


def _resolves() -> bool:
    try:
        socket_module.create_connection((BRIDGE_ADDRESS, 53), timeout=1).close()
    except OSError:
        return False
    return True


def _ip(*arguments: str, quiet: bool = False) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0 and not quiet:
        raise RuntimeError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


def _succeeds(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False, timeout=60).returncode == 0


def _quietly(action) -> None:
    try:
        action()
    except OSError:
        return
