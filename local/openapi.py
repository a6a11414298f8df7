"""`python -m local.openapi`: write the OpenAPI document of the HTTP API to docs/openapi.json."""

import json
from pathlib import Path

from clients.openapi import document

FILE = Path(__file__).parents[1] / "docs" / "openapi.json"


def text() -> str:
    """Return the document as the text of the file."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
