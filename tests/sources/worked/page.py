"""A worked source from the documentation, with an imitation of its API."""

import asyncio
import re
import tempfile
from pathlib import Path
from typing import Any

import httpx
from aiohttp.test_utils import TestServer

from ingestion.source.description import load_source
from tests.sources.fake_api import FakeApi
from tests.sources.reader import Reading

DOCUMENT = Path(__file__).parents[3] / "docs" / "worked-sources.md"


def documented(name: str) -> str:
    """Return the TOML of one worked source."""
    for block in re.findall(r"```toml\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL):
        if f"\n[{name}]\n" in f"\n{block}":
            return str(block)
    raise AssertionError(f"docs/worked-sources.md has no source {name}")


def read(name: str, api: FakeApi, settings: dict[str, str]) -> tuple[list[Any], list[float]]:
    """Return all messages of the worked source `name`, and the waits; only its hosts are replaced."""

    async def run() -> tuple[list[Any], list[float]]:
        async with TestServer(api.app()) as server, httpx.AsyncClient(trust_env=False) as http:
            here = str(server.make_url("/")).rstrip("/")
            text = re.sub(r'(?m)^(url|token_url) = "https://[^/"]+', rf'\1 = "{here}', documented(name))
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / "sources.toml"
                file.write_text(text, encoding="utf-8")
                source = load_source(file, name, settings)
            reading = Reading(source, http, chunk_size=50, max_messages=400)
            return await reading.all(), reading.wait_seconds

    return asyncio.run(run())
