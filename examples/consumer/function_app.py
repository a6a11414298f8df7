"""A consumer of Sluice's queue: a queue trigger that stores each message once, even if it comes twice (not in `raw`).

It is a function app of its own. The Functions host decodes base64 and deletes a message when the function returns. If
the function raises, the host delivers the message again, up to five times in all.
"""

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import azure.functions as func

app = func.FunctionApp()


def messages(text: str, message_format: str) -> Iterator[tuple[str | None, str]]:
    """Yield the key and the text of each message in a queue message; the key of a `raw` message is None."""
    if message_format == "raw":
        yield None, text  # an id as it is, or a record as JSON
    elif message_format == "envelope":
        envelope = json.loads(text)
        yield envelope["key"], json.dumps(envelope["record"] if "record" in envelope else envelope["id"])
    else:
        pack = json.loads(text)
        for index, message in enumerate(pack["messages"], start=pack["first"]):
            yield f"{pack['run']}/{pack['start']}/{pack['chunk']}/{index}", json.dumps(message)


def database() -> sqlite3.Connection:
    """Connect to the database; SQLite keeps the example small. Use one that all instances of your app share."""
    connection = sqlite3.connect(os.environ["CONSUMER_DATABASE"])
    connection.execute("CREATE TABLE IF NOT EXISTS orders (key TEXT UNIQUE, message TEXT NOT NULL)")
    return connection


@app.queue_trigger(arg_name="message", queue_name="%SLUICE_QUEUE%", connection="AzureWebJobsStorage")
def take(message: func.QueueMessage) -> None:
    """Store what the queue message holds in one transaction, so that a failure leaves nothing half done."""
    found = messages(message.get_body().decode(), os.environ.get("SLUICE_MESSAGE_FORMAT", "raw"))
    with closing(database()) as connection, connection:
        connection.executemany("INSERT INTO orders VALUES (?, ?) ON CONFLICT (key) DO NOTHING", found)
