"""The apps of these tests, and app folders made from source text."""

from pathlib import Path
from textwrap import dedent

HEADER = "import azure.functions as func\nimport azure.durable_functions as df\n"
SAMPLE = Path(__file__).parent / "apps" / "sample"
ORCHESTRATIONS = Path(__file__).parent / "apps" / "orchestrations"


def write_app(folder: Path, source: str) -> Path:
    """Write the source below the usual imports as function_app.py."""
    (folder / "function_app.py").write_text(HEADER + dedent(source))
    return folder
