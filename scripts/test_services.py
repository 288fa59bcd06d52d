"""Get what tests need: PostgreSQL, Redis, Mosquitto, and (through Go) grpcurl and the validator of
compose files; what builds the clients, and the wheels of a plain install.

Binaries only: tests start private instances on free ports and stop them. Packages come from
apt-get where that exists and we are root; otherwise the one command to type is printed, and the
tests that need the missing part are skipped with that reason (under EPS_REQUIRE_ALL=1 they fail).
Always ends well, so that the rest of the tests run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools" / "bin"
COMPOSE_SPEC = "github.com/compose-spec/compose-go/v2/cmd@v2.16.2"
GRPCURL = "github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3"
OLDEST_GO = (1, 21)  # from here on Go fetches the toolchain that a module asks for

sys.path.insert(0, str(ROOT))
from scripts import clients_setup, wheels  # noqa: E402 (the checkout is no package)
from tests.support.binaries import find  # noqa: E402


def main() -> None:
    """Install what is missing, say what stays missing."""
    packages = [
        package
        for program, package in (
            ("postgres", "postgresql"),
            ("redis-server", "redis-server"),
            ("mosquitto", "mosquitto"),
            ("chromium", "chromium"),
            ("go", "golang-go"),
            ("node", "nodejs"),
            ("npm", "npm"),
            ("javac", "default-jdk-headless"),
            ("mvn", "maven"),
        )
        if find(program) is None
    ]
    if packages:
        _apt_get(packages)
    wanted = {"grpcurl": GRPCURL, "compose-spec": COMPOSE_SPEC}
    missing = {name: module for name, module in wanted.items() if find(name) is None}
    if missing:
        _install_with_go(missing)
    clients_setup.main()
    wheels.main()


def _apt_get(packages: list[str]) -> None:
    apt = shutil.which("apt-get")
    if apt is None:
        say(f"Missing, and there is no apt-get to install them: {', '.join(packages)}")
        return
    if os.geteuid() != 0:
        say(f"Missing. Type:\n\n    sudo apt-get install -y {' '.join(packages)}\n")
        return
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    quiet = ["-qq", "-o", "Dpkg::Use-Pty=0", "-o", "DPkg::Lock::Timeout=120"]
    say(f"Installing {', '.join(packages)}")
    _quietly([apt, "update", *quiet], environment)
    with _no_services_started():
        for package in packages:  # one by one: what one lacks shall not cost the others
            install = [apt, "install", "-y", "--no-install-recommends", *quiet, package]
            _quietly(install, environment)


@contextmanager
def _no_services_started() -> Iterator[None]:
    """Debian starts what it installs and makes a database cluster: neither is wanted here.

    Both switches are taken away again, so that a machine's later installs behave as ever.
    """
    made: list[Path] = []
    policy = Path("/usr/sbin/policy-rc.d")
    if not policy.exists():
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
        made.append(policy)
    cluster = Path("/etc/postgresql-common/createcluster.d/no-main-cluster.conf")
    if find("postgres") is None and not cluster.exists():
        cluster.parent.mkdir(parents=True, exist_ok=True)
        cluster.write_text("create_main_cluster = false\n")
        made.append(cluster)
    try:
        yield
    finally:
        for path in made:
            path.unlink(missing_ok=True)


def _install_with_go(modules: dict[str, str]) -> None:
    """Build commands, each under a name of ours (compose-go's own is `cmd`)."""
    go = find("go")
    if go is None:
        return
    said = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=False)
    version = said.stdout.strip().removeprefix("go").split(".")
    if not version[0].isdigit() or tuple(int(part) for part in version[:2]) < OLDEST_GO:
        say(f"{said.stdout.strip()} is too old to build them: go1.{OLDEST_GO[1]} is needed")
        return
    TOOLS.mkdir(parents=True, exist_ok=True)
    for name, module in modules.items():
        say(f"Building {name}")
        with tempfile.TemporaryDirectory(dir=TOOLS.parent) as built:
            _quietly([go, "install", module], os.environ | {"GOBIN": built})
            for binary in Path(built).iterdir():
                binary.replace(TOOLS / name)


def _quietly(command: list[str], environment: dict[str, str]) -> None:
    """Run a command; show its output only where it failed."""
    done = subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        say(f"{' '.join(command)} failed:\n{done.stdout}")


def say(line: str) -> None:
    """One line of progress, at once."""
    print(line, flush=True)


if __name__ == "__main__":
    main()
