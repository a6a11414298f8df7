"""The resources that infra/ deploys: the compiled template, and two evaluated snapshots of it.

`main` has the parameters of an empty azd environment, `dts` the other value of each switch. Both are plain resources
with every loop, condition and name resolved.
"""

import json
import shutil
from collections.abc import Iterator
from functools import cache
from typing import Any

from local.demo.stack import ROOT

INFRA = ROOT / "infra"
SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"
BESIDE = ROOT.parent / "shared/tools/bicep/bicep"

Json = dict[str, Any]


def bicep() -> str | None:
    """Return the Bicep CLI of this machine, if there is one."""
    return str(BESIDE) if BESIDE.is_file() else shutil.which("bicep")


@cache
def read(name: str) -> Any:
    """Return a JSON file of infra/; do not change it without a copy."""
    return json.loads((INFRA / name).read_text("utf-8"))


class Deployed:
    """The resources of one snapshot."""

    def __init__(self, snapshot: Json) -> None:
        self.resources: list[Json] = snapshot["predictedResources"]

    def of(self, kind: str) -> list[Json]:
        """Return the resources of a type, without Microsoft in front of it."""
        return [each for each in self.resources if each["type"] == f"Microsoft.{kind}"]

    def one(self, kind: str, name: str = "") -> Json:
        """Return the only resource of a type whose name has this beginning."""
        (found,) = (each for each in self.of(kind) if each["name"].startswith(name))
        return found

    def properties(self, kind: str, name: str = "") -> Json:
        """Return the properties of the only resource of a type whose name has this beginning."""
        found: Json = self.one(kind, name)["properties"]
        return found

    @property
    def settings(self) -> dict[str, str]:
        """The app settings."""
        listed = self.properties("Web/sites")["siteConfig"]["appSettings"]
        assert len({each["name"] for each in listed}) == len(listed)
        return {each["name"]: each["value"] for each in listed}

    def roles(self) -> Iterator[tuple[str, str]]:
        """Yield role and resource name of each role assignment."""
        for each in self.of("Authorization/roleAssignments"):
            on = each["id"].removeprefix("[extensionResourceId('").partition("'")[0]
            yield each["properties"]["roleDefinitionId"].rpartition("/")[2], on.rpartition("/")[2]
