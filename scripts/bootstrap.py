"""Make `.venv` hold exactly what a lock file names, and the project itself.

Needs nothing but a Python with venv and pip; runs on an old Python too, so that it can say what is
missing or hand over to a newer one. Idempotent: a stamp in the venv names the lock that it was
made from, and a second run does nothing.

    python3 scripts/bootstrap.py run    # what `make run` needs
    python3 scripts/bootstrap.py dev    # what tests and checks need as well
    python3 scripts/bootstrap.py server # what a container of the server needs

The project is put on the path by a `.pth` file instead of a build, so that every byte that is
installed stands in the lock with its hash.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
OLDEST = (3, 11)
NEWER = ("python3.13", "python3.12", "python3.11", "python3.14")
LOCKS = {name: ROOT / "requirements" / (name + ".txt") for name in ("run", "dev", "server")}
SOURCES = (ROOT / "clients" / "python", ROOT / "server")

# The shell line lets a path with spaces be an interpreter; to Python it is a string.
EPS = """#!/bin/sh
'''exec' "{python}" "$0" "$@"
' '''
import sys

from enhanced_prompt_service.cli import main

if __name__ == "__main__":
    sys.exit(main())
"""


def ensure(profile):
    """Bring `.venv` up to a profile ("run" or "dev"). Returns the path of its Python.

    Raises SystemExit with what is missing and the one command to type.
    """
    _need_supported_python()
    with _alone():
        return _ensured(profile)


def _ensured(profile):
    python = VENV / "bin" / "python"
    stamp = VENV / ".lock"
    stamped = stamp.read_text().splitlines() if stamp.exists() else []
    # All that "run" needs is in "dev" as well.
    enough = [_stamp(name) for name in ([profile, "dev"] if profile == "run" else [profile])]
    if python.exists() and stamped in enough:
        return python
    moved = bool(stamped) and stamped[-1] != str(ROOT)  # its scripts point to nowhere
    if moved or not _alive(python):
        _make_venv()
    _install(python, LOCKS[profile])
    _link_project(python)
    stamp.write_text("\n".join(_stamp(profile)) + "\n")
    return python


@contextmanager
def _alone():
    """One at a time: two `make` at once wait for each other instead of mixing their installs."""
    try:
        import fcntl
    except ImportError:  # no such lock on this system
        yield
        return
    folder = os.open(str(ROOT), os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _stamp(profile):
    """What a venv was made from: profile, digest of its lock, folder of the checkout."""
    digest = hashlib.sha256(LOCKS[profile].read_bytes()).hexdigest()
    return [profile, digest, str(ROOT)]


def _need_supported_python():
    if sys.version_info[:2] >= OLDEST:
        return
    for name in NEWER:
        newer = shutil.which(name)
        if newer:
            os.execv(newer, [newer, *sys.argv])  # noqa: S606 - no shell is wanted
    sys.exit(
        "Python {}.{} or newer is needed, this is {}.{}. On Debian and Ubuntu type:\n\n"
        "    sudo apt-get install python3.11 python3.11-venv\n".format(
            *OLDEST, *sys.version_info[:2]
        )
    )


def _alive(python):
    """Whether the venv's Python still runs (the one it was made from may be gone)."""
    if not python.exists():
        return False
    probe = [str(python), "-c", "import pip, sys; sys.exit(sys.version_info < (3, 11))"]
    return subprocess.run(probe, stdin=subprocess.DEVNULL, capture_output=True).returncode == 0


def _make_venv():
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        package = "python{}.{}-venv".format(*sys.version_info[:2])
        if Path("/usr/bin/python3").resolve() == Path(sys.executable).resolve():
            package = "python3-venv"
        sys.exit(
            "This Python cannot make virtual environments. Type:\n\n"
            "    {}apt-get install -y {}\n".format("" if os.geteuid() == 0 else "sudo ", package)
        )
    say("Making a virtual environment in .venv")
    if VENV.is_symlink():
        VENV.unlink()  # what it points to is somebody else's, and not to be cleared
    # --clear: whatever is there does not run, or belongs to another place. Not with its own Python.
    python = getattr(sys, "_base_executable", None) or sys.executable
    made = subprocess.run([python, "-m", "venv", "--clear", str(VENV)], stdin=subprocess.DEVNULL)
    if made.returncode:
        sys.exit("The virtual environment could not be made; its output is above.")


def _install(python, lock):
    count = sum(1 for line in lock.read_text().splitlines() if line[:1].isalnum())
    say(f"Installing {count} packages of {lock.relative_to(ROOT)}")
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    pip += ["--no-input", "--no-deps", "--require-hashes", "-r", str(lock)]
    if subprocess.run(pip, stdin=subprocess.DEVNULL).returncode:
        sys.exit("Installing failed; pip says why above. Nothing else was changed: try again.")


def _link_project(python):
    """Put the project's two source folders on the path, and `eps` beside the Python."""
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = subprocess.run(
        [str(python), "-c", where], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True
    )
    pth = Path(site.stdout.decode().strip()) / "_enhanced_prompt_service.pth"
    pth.write_text("\n".join(str(one) for one in SOURCES) + "\n")
    eps = python.parent / "eps"
    eps.write_text(EPS.format(python=python))
    eps.chmod(0o755)


def say(line):
    """One line of progress, at once."""
    print(line, flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in LOCKS:
        sys.exit("usage: bootstrap.py run|dev|server")
    ensure(sys.argv[1])
