"""A small Debian in a folder, in which the scripts of a Gradescope archive run by chroot.

Where apt finds Debian, how pip reaches its index, and what it has cached are taken from the
machine when the test runs; every command gets mounts and processes of its own, which end with it.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

RELEASE = "bookworm"
_BASE = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8"}
_PROXIES = ("http_proxy", "https_proxy", "no_proxy")
_HOST = "/host"  # inside: what comes from the machine


def missing() -> str | None:
    """Why there can be no container here, in words; None where there can be one."""
    if os.geteuid() != 0:
        return "Gradescope's container needs root: run the tests as root"
    if Path("/proc/self/uid_map").read_text().split()[2] != "4294967295":
        return "Gradescope's container needs real root, not that of a user namespace"
    for tool in ("debootstrap", "unshare", "chroot"):
        if shutil.which(tool) is None:
            return f"{tool} is missing: apt-get install debootstrap util-linux"
    if _mirror() is None:
        return f"apt knows no Debian {RELEASE} here"
    return None


def _mirror() -> str | None:
    """Where the machine's own apt finds Debian's main archive."""
    if shutil.which("apt-get") is None:
        return None
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME) $(COMPONENT)"]
    listed = subprocess.run([*command, "Created-By: Packages"], capture_output=True, text=True)
    for line in listed.stdout.splitlines():
        uri, *rest = line.split()
        if rest == [RELEASE, "main"]:
            return uri.rstrip("/")
    return None


@dataclass
class Container:
    """A root folder, with what of the machine is mounted into it."""

    root: Path
    mounts: dict[Path, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    @staticmethod
    def make(root: Path, seconds: float) -> Container:
        """Install a minimal Debian; pip inside reaches what pip outside reaches."""
        subprocess.run(
            ["debootstrap", "--variant=minbase", RELEASE, str(root), str(_mirror())],
            check=True,
            timeout=seconds,
            capture_output=True,
        )
        container = Container(root, environment=dict(_BASE))
        (root / _HOST.strip("/")).mkdir()
        shutil.copyfile("/etc/resolv.conf", root / "etc" / "resolv.conf")
        container._bring_pip()
        return container

    def run(self, command: str, seconds: float) -> subprocess.CompletedProcess[str]:
        """Run a shell command inside, with its own mounts and processes."""
        root = shlex.quote(str(self.root))
        # bubblewrap wants the root folder to be a mount of its own, as in any container
        lines = ["set -e", f"mount --rbind {root} {root}", f"mount -t proc proc {root}/proc"]
        for source, target in {Path("/dev"): "/dev", **self.mounts}.items():
            place = self.root / target.strip("/")
            place.mkdir(parents=True, exist_ok=True)
            lines.append(f"mount --rbind {shlex.quote(str(source))} {shlex.quote(str(place))}")
        inner = ["env", "-i", *(f"{key}={value}" for key, value in self.environment.items())]
        inner += ["bash", "-c", command]
        lines.append(shlex.join(["exec", "chroot", str(self.root), *inner]))
        return subprocess.run(
            [
                "unshare",
                "--mount",
                "--pid",
                "--fork",
                "--kill-child",
                "bash",
                "-c",
                "\n".join(lines),
            ],
            timeout=seconds,
            capture_output=True,
            text=True,
            errors="replace",
        )

    def _bring_pip(self) -> None:
        for name in _PROXIES:
            if value := os.environ.get(name) or os.environ.get(name.upper()):
                self.environment[name] = value
        for name, value in _pip_settings():
            words = [self._brought(word) for word in value.split()]
            self.environment[name] = " ".join(word for word in words if word)
        cache = _pip("cache", "dir").strip()
        if Path(cache).is_dir():
            self.mounts[Path(cache)] = f"{_HOST}/pip-cache"
            self.environment["PIP_CACHE_DIR"] = f"{_HOST}/pip-cache"

    def _brought(self, word: str) -> str:
        """A word of pip's settings as it holds inside: folders are mounted, files copied."""
        path = Path(word.removeprefix("file://"))
        if not path.is_absolute():
            return word
        if path.is_dir():
            folder = path.parent if path.name == "simple" else path  # an index points beside itself
            self.mounts[folder] = str(folder)
            return word
        if path.is_file():
            inside = f"{_HOST}/{path.name}"
            shutil.copyfile(path, self.root / inside.strip("/"))
            return inside
        return ""


def _pip(*arguments: str) -> str:
    command = [sys.executable, "-m", "pip", *arguments]
    return subprocess.run(command, capture_output=True, text=True).stdout


def _pip_settings() -> Iterator[tuple[str, str]]:
    """pip's settings, from its files and then the environment, as names of the environment."""
    for line in sorted(_pip("config", "list").splitlines(), key=lambda each: each[:5] == ":env:"):
        key, _, value = line.partition("=")
        section, _, name = key.rpartition(".")
        if section in {"global", "install", ":env:"} and name not in {"cache-dir", "config-file"}:
            yield f"PIP_{name.upper().replace('-', '_')}", value.strip("'\"")
