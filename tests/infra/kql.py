"""The queries of infra/queries, the errors that Microsoft's language service finds in them, and their results.

The language service of Kusto checks the names of tables, columns and functions, but not the content of JSON texts. So
DuckDB runs the queries, which duckdb_kql translates into its SQL, to check the counts.
"""

import json
import subprocess
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import duckdb_kql

from local.demo.stack import ROOT
from local.node import node

QUERIES = {path.stem: path.read_text("utf-8") for path in sorted((ROOT / "infra/queries").glob("*.kql"))}
READER = ROOT / "tests/node_modules/@kusto/language-service-next"

# The columns that Microsoft documents for the tables that a query may ask.
TABLES = {
    "traces": "timestamp: datetime, message: string, severityLevel: int, itemType: string, customDimensions: dynamic, "
    "customMeasurements: dynamic, operation_Name: string, operation_Id: string, operation_ParentId: string, "
    "cloud_RoleName: string, cloud_RoleInstance: string, appName: string, itemId: string, itemCount: int",
    "AzureMetrics": "TimeGenerated: datetime, ResourceId: string, ResourceGroup: string, ResourceProvider: string, "
    "Resource: string, MetricName: string, Total: real, Count: real, Maximum: real, Minimum: real, Average: real, "
    "TimeGrain: string, UnitName: string, SubscriptionId: string, SourceSystem: string, Type: string",
}
TYPES = {"datetime": "TIMESTAMP", "string": "VARCHAR", "dynamic": "JSON", "int": "INTEGER", "real": "DOUBLE"}


class Trace(NamedTuple):
    """A record as in Application Insights."""

    timestamp: datetime
    message: str
    severity: int = 1


def problems(queries: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the errors that the language service finds in each query."""
    asked = json.dumps([{"name": name, "text": text} for name, text in queries.items()])
    command = [str(node()), str(ROOT / "tests/infra/bind_queries.js"), str(READER), json.dumps(list(TABLES.items()))]
    done = subprocess.run(command, input=asked, capture_output=True, text=True, check=True)
    return {each["name"]: each["problems"] for each in json.loads(done.stdout)}


def answer(
    name: str, records: Iterable[Trace] = (), metrics: Iterable[Mapping[str, Any]] = (), run: str = ""
) -> list[dict[str, Any]]:
    """Return the rows of a query over these records; `run` is the workbook's chosen run."""
    with duckdb_kql.connect() as database:
        for table, columns in TABLES.items():
            named = (column.split(": ") for column in columns.split(", "))
            database.execute(f"CREATE TABLE {table} ({', '.join(f'{each} {TYPES[kind]}' for each, kind in named)})")
        rows = [(each.timestamp.astimezone(UTC).replace(tzinfo=None), each.message, each.severity) for each in records]
        if rows:
            database.executemany("INSERT INTO traces (timestamp, message, severityLevel) VALUES (?, ?, ?)", rows)
        for metric in metrics:
            places = ", ".join("?" for _ in metric)
            database.execute(f"INSERT INTO AzureMetrics ({', '.join(metric)}) VALUES ({places})", list(metric.values()))
        found = duckdb_kql.query(database, QUERIES[name].replace("{Run}", run))
        return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]
