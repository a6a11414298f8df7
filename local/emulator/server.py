"""Azurite as a child process: blobs, queues and tables on free ports of 127.0.0.1.

Input: a folder for data and log. Output: a connection string for any Azure Storage client. `restart` keeps ports and
(on disk) data, so clients can continue with the same connection string.
"""

from pathlib import Path

from local.emulator.child import Child, ChildError
from local.node import node

HERE = Path(__file__).parent
ENTRY = HERE / "azurite.js"
SERVICES = ("Blob", "Queue", "Table")
HEAP_MEGABYTES = 12_288  # a limit, not a reservation: a message takes 3.6 KB of heap, and a run may queue a million

# The account and key of every Azurite: public, in Microsoft's documentation, and valid nowhere else.
ACCOUNT = "devstoreaccount1"
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


class Azurite(Child):
    """One emulator with its data in `folder`; the first start chooses free ports, later starts use the same ones.

    With data in memory it accepts 2,000 messages per second, on disk 600 to 800 (measured), since on disk it writes its
    whole index every five seconds. Data in memory does not survive the process. `kill` loses unsaved data, `stop` saves
    it.
    """

    def __init__(self, folder: Path, *, in_memory: bool = False, logs_requests: bool = False) -> None:
        super().__init__("Azurite", [], log=folder / "azurite.log", cwd=folder)
        self.ports: dict[str, int] = dict.fromkeys(SERVICES, 0)
        self._quiet = [] if logs_requests else ["--silent"]
        self._keep = ["--inMemoryPersistence"] if in_memory else ["--location", str(folder / "data")]

    @property
    def connection_string(self) -> str:
        """The value for AzureWebJobsStorage; known after the first start."""
        endpoints = "".join(
            f"{service}Endpoint=http://127.0.0.1:{port}/{ACCOUNT};" for service, port in self.ports.items()
        )
        return f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};{endpoints}"

    def start(self) -> None:
        """Start and wait until all three services are ready; Azurite chooses and prints a free port for each port 0."""
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
        """Stop Azurite if it is running, and start it on the same ports with the same data."""
        self.stop()
        self.start()
