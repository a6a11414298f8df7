-- The state file of devhost: instances, their history, and unfinished work.
-- Times are text of fixed width in UTC, so that text order is time order; payloads are raw JSON text.

CREATE TABLE instances (
    instance_id TEXT PRIMARY KEY,
    execution_id TEXT NOT NULL,
    name TEXT NOT NULL,
    status TEXT NOT NULL,
    input_text TEXT,
    custom_status_text TEXT,
    output_text TEXT,
    created_time TEXT NOT NULL,
    last_updated_time TEXT NOT NULL,
    revision INTEGER NOT NULL,      -- counts writes: devhost drops the result of a replay of an older revision
    waits TEXT NOT NULL,            -- JSON list: names of the external events that the instance waits for
    parent TEXT,                    -- JSON object: the orchestration that waits for this instance
    trace_parent TEXT NOT NULL      -- the header `traceparent` of the request that started it, or ""
) WITHOUT ROWID;

CREATE TABLE history (
    instance_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    event TEXT NOT NULL,
    PRIMARY KEY (instance_id, position)
) WITHOUT ROWID;

-- Messages that an instance has not processed. If execution_id is NULL, any execution of it may take the message.
CREATE TABLE inbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    instance_id TEXT NOT NULL,
    execution_id TEXT,
    event TEXT NOT NULL
);
CREATE INDEX inbox_by_instance ON inbox (instance_id, number);

-- A row stays until its completion is in the inbox. So, after a crash, the next start finds the work in flight here.
CREATE TABLE activities (
    instance_id TEXT NOT NULL,
    execution_id TEXT NOT NULL,
    task_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    input_text TEXT,
    PRIMARY KEY (instance_id, execution_id, task_id)
) WITHOUT ROWID;

CREATE TABLE timers (
    instance_id TEXT NOT NULL,
    execution_id TEXT NOT NULL,
    task_id INTEGER NOT NULL,
    fire_at TEXT NOT NULL,
    PRIMARY KEY (instance_id, execution_id, task_id)
) WITHOUT ROWID;
CREATE INDEX timers_by_time ON timers (fire_at);
