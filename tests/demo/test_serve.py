"""What is served stands where the README looks for it, or says at once why not."""

import socket
from pathlib import Path

import pytest

from local.demo import serve
from local.emulator import ChildError

ROOT = Path(__file__).parents[2]


def test_the_readme_asks_at_the_port_that_is_served() -> None:
    assert f"localhost:{serve.PORT}/api/runs" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_a_port_that_is_taken_is_told_with_the_way_to_another() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ChildError, match=rf"port {port} is taken.* PORT="):
            serve.check_port(port)
