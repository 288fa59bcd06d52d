"""Make the secrets that docker-compose.yml reads, in ./secrets; what is there stays as it is.

python3 scripts/make_secrets.py            # or another folder

Needs nothing but Python. Containers read these files as users of their own, so the files may be
read by all and the folder by its owner alone: on this machine nobody else gets at them.
"""

import secrets
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main(folder: Path) -> None:
    """Write what is missing."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    postgres = _kept(folder / "postgres_password", secrets.token_urlsafe(24))
    _kept(folder / "database_url", f"postgresql://eps:{postgres}@postgres:5432/eps")
    redis = _kept(folder / "redis_conf", f"requirepass {secrets.token_urlsafe(24)}").split()[1]
    _kept(folder / "redis_url", f"redis://:{redis}@redis:6379/0")
    _kept(folder / "secret_key", secrets.token_urlsafe(48))


def _kept(path: Path, made: str) -> str:
    """What a file says, made where it is not there yet."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(made + "\n")
        path.chmod(0o444)
        print(f"made {path}")
    return path.read_text().strip()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "secrets")
