"""Makes an app folder out of source text, for tests that need a particular function_app.py."""

from pathlib import Path
from textwrap import dedent

HEADER = "import azure.functions as func\nimport azure.durable_functions as df\n"
SAMPLE = Path(__file__).parent / "apps" / "sample"


def write_app(folder: Path, source: str) -> Path:
    """Write the source below the usual imports as function_app.py."""
    (folder / "function_app.py").write_text(HEADER + dedent(source))
    return folder
