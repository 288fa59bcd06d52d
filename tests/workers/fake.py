"""A worker without a service, for the supervisor's tests: `python fake.py FOLDER PLACE`.

Files in the folder say how it behaves: `dies-<index>` before it serves, `stays-<index>` in spite of
SIGTERM. It notes its beginnings and its end there.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from pathlib import Path

from enhanced_prompt_service.workers.place import Place


def main() -> None:
    folder, place = Path(sys.argv[1]), Place.load(sys.argv[2])
    begun = folder / f"begun-{place.index}"
    with begun.open("a") as notes:
        notes.write(f"{os.getpid()}\n")
    if (folder / f"dies-{place.index}").exists():
        sys.exit(7)
    asked, ask = os.pipe()
    stays = (folder / f"stays-{place.index}").exists()
    handler = signal.SIG_IGN if stays else lambda *_: os.write(ask, b"x")
    signal.signal(signal.SIGTERM, handler)
    place.announce({"replica": f"fake {os.getpid()}"})
    readable, _, _ = select.select([asked, place.life_fd], [], [])
    (folder / f"ended-{place.index}").write_text("life" if place.life_fd in readable else "term")


if __name__ == "__main__":
    main()
