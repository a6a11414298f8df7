"""Log records and prints: the console of the host beside that of `python -m local.devhost`."""

import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from tests.real_host.exchanges import read
from tests.real_host.host import WEBHOOKS
from tests.real_host.marks import Marks
from tests.real_host.rows import APPS, Row, compare

_APP = APPS / "logs"
_THERE = re.compile(r"(\w+): (\S+)\[\d+\]\n {6}(.*)", re.DOTALL)
_HERE = re.compile(
    r"^\d\d:\d\d:\d\d\.\d{3} ([a-z]+ \S+ · LINE .*(?:\n(?!\d\d:|LINE \S+ print).*)*)",
    re.MULTILINE,
)
_WITH_LEVEL = re.compile(r" Function\.(chatty|debugging|silent)\.User ")  # in the app's host.json
_PRINTED = re.compile(r"^LINE \S+ print.*", re.MULTILINE)


def _run() -> list[Row]:
    found = [match.groups() for match in map(_THERE.fullmatch, read("logs")) if match is not None]
    lines = [(f"{level} {category}", text.replace("\n      ", "\n")) for level, category, text in found]
    records = [f"{head} · {text}" for head, text in lines if head.endswith(".User") and text.startswith("LINE ")]
    prints = [text for head, text in lines if head == "info Host.Function.Console" and text.startswith("LINE ")]
    out, err = _talk()
    here = [text.rstrip() for text in _HERE.findall(err)]
    own = sorted({head.split()[1] for head, _ in lines if not head.endswith((".User", "Console"))})
    return [
        *compare("records of the app", "console", *(_of(both, False) for both in (records, here))),
        Row("records of functions with a logLevel", "console", *(_of(both, True) for both in (records, here))),
        *compare("prints of the app", "output", sorted(prints), sorted(_PRINTED.findall(out + "\n" + err))),
        *compare("lines of the host about calls", "categories", own, [it for it in own if f" {it} " in err]),
    ]


def _of(records: list[str], has_level: bool) -> list[str]:
    return [text for text in records if bool(_WITH_LEVEL.search(text)) == has_level]


def _talk() -> tuple[str, str]:
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "err").open("w+") as err:
        options = ["--app", str(_APP), "--port", "0", "--state", f"{folder}/s.db"]
        command = [sys.executable, "-u", "-m", "local.devhost", *options]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=err, text=True) as process:
            assert process.stdout is not None
            out = [next(process.stdout)]
            while not out[-1].startswith("devhost ready on "):
                out.append(next(process.stdout))
            url = out[-1].split()[-1]
            for function in ("plain", "chatty", "debugging", "silent", "raises"):
                _call(f"{url}/api/{function}")
            _call(f"{url}{WEBHOOKS}/orchestrators/orch/j-1", method="POST")
            while _call(f"{url}{WEBHOOKS}/instances/j-1") == 202:
                pass
            _call(f"{url}/api/level")
            process.send_signal(signal.SIGTERM)
            out += process.stdout
        err.seek(0)
        marks = Marks({str(_APP): "{app}"})
        return marks.level("".join(out)), marks.level(err.read())


def _call(url: str, method: str = "GET") -> int:
    try:
        with urlopen(Request(url, method=method), timeout=60) as answer:
            return int(answer.status)
    except HTTPError as error:
        error.close()
        return error.code


PARTS = {"logs": _run}
