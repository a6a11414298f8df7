"""`python -m local.emulator`: an Azurite of one's own until Ctrl-C, with the connection string on standard output."""

import argparse
import signal
import sys
import time
from pathlib import Path

from local.emulator.child import ChildError
from local.emulator.server import Azurite

DEFAULT_FOLDER = Path(".sluice") / "emulator"


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m local.emulator",
        description="Starts Azurite (blobs, queues, tables) on free ports of 127.0.0.1, prints its connection string "
        "and runs until Ctrl-C. The data stay in the folder and are there again at the next start.",
    )
    parser.add_argument("--folder", type=Path, default=DEFAULT_FOLDER, help="data and log (default: %(default)s)")
    folder: Path = parser.parse_args().folder
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # both endings take the same way out
    try:
        with Azurite(folder.resolve()) as azurite:
            print(azurite.connection_string, flush=True)
            while True:
                azurite.child.check()
                time.sleep(0.5)
    except ChildError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
