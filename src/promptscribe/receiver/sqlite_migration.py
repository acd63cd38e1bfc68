"""The tables of the SQLite file, as one migration after the other made them.

Its law: a migration that was released is never edited; a change is a new one at
the end.
"""

from __future__ import annotations

from typing import Final

# Content lives apart (bodies) from what lists and filters read (logs): a page
# over a million logs then reads 100-byte rows and not 3 KB ones.
# A deleted file gives its path away and keeps its row, since its logs stay.
# logs_by_trace leaves tops out, whose trace is their id: one random page less to
# write for each log that stands alone.
# root: 1 for the topmost log that has arrived, of a trace or part of one.
# in_trace: 1 for a log that names a parent or is named as one.
MIGRATIONS: Final = (
    """
    CREATE TABLE files (
        id TEXT PRIMARY KEY,
        kind TEXT NOT NULL,
        path TEXT NOT NULL,
        created_us INTEGER NOT NULL,
        updated_us INTEGER NOT NULL,
        deleted_us INTEGER,
        labels TEXT NOT NULL DEFAULT '{}'
    ) WITHOUT ROWID;
    CREATE UNIQUE INDEX files_by_path ON files (path) WHERE deleted_us IS NULL;
    CREATE TABLE versions (
        id TEXT PRIMARY KEY,
        file_id TEXT NOT NULL,
        digest TEXT NOT NULL,
        details TEXT NOT NULL,
        created_us INTEGER NOT NULL,
        labels TEXT NOT NULL DEFAULT '{}',
        logs INTEGER NOT NULL DEFAULT 0,
        last_used_us INTEGER,
        UNIQUE (file_id, digest)
    ) WITHOUT ROWID;
    CREATE TABLE environments (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        tag TEXT NOT NULL,
        created_us INTEGER NOT NULL
    ) WITHOUT ROWID;
    INSERT INTO environments VALUES ('env_prod', 'production', 'default', 0);
    INSERT INTO environments VALUES ('env_stag', 'staging', 'other', 0);
    CREATE TABLE deployments (
        file_id TEXT NOT NULL,
        environment_id TEXT NOT NULL,
        version_id TEXT NOT NULL,
        PRIMARY KEY (file_id, environment_id)
    ) WITHOUT ROWID;
    CREATE INDEX deployments_by_version ON deployments (version_id);
    CREATE TABLE logs (
        seq INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL,
        file_id TEXT NOT NULL,
        version_id TEXT NOT NULL,
        trace_id TEXT NOT NULL,
        trace_parent_id TEXT,
        root INTEGER NOT NULL,
        created_us INTEGER NOT NULL,
        start_us INTEGER,
        end_us INTEGER,
        prompt_tokens INTEGER,
        output_tokens INTEGER,
        prompt_cost REAL,
        output_cost REAL,
        failed INTEGER NOT NULL,
        status TEXT,
        source TEXT,
        user TEXT,
        environment TEXT,
        batch_id TEXT,
        evaluation_id TEXT,
        run_id TEXT,
        source_datapoint_id TEXT
    );
    CREATE TABLE bodies (seq INTEGER PRIMARY KEY, body TEXT NOT NULL);
    CREATE INDEX logs_by_time ON logs (created_us);
    CREATE INDEX logs_by_file ON logs (file_id, created_us);
    CREATE INDEX logs_by_trace ON logs (trace_id) WHERE trace_id <> id;
    CREATE INDEX logs_by_parent ON logs (trace_parent_id)
        WHERE trace_parent_id IS NOT NULL;
    CREATE INDEX logs_by_root ON logs (created_us) WHERE root = 1;
    CREATE INDEX logs_by_failure ON logs (created_us) WHERE failed = 1;
    CREATE INDEX logs_by_source ON logs (source, created_us)
        WHERE source IS NOT NULL;
    CREATE INDEX logs_by_user ON logs (user, created_us) WHERE user IS NOT NULL;
    CREATE INDEX logs_by_environment ON logs (environment, created_us)
        WHERE environment IS NOT NULL;
    CREATE INDEX logs_by_batch ON logs (batch_id) WHERE batch_id IS NOT NULL;
    CREATE INDEX logs_by_evaluation ON logs (evaluation_id)
        WHERE evaluation_id IS NOT NULL;
    CREATE INDEX logs_by_run ON logs (run_id) WHERE run_id IS NOT NULL;
    CREATE INDEX logs_by_datapoint ON logs (source_datapoint_id)
        WHERE source_datapoint_id IS NOT NULL;
    """,
    """
    CREATE TABLE keys (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        digest TEXT NOT NULL UNIQUE,
        hint TEXT NOT NULL,
        scopes TEXT NOT NULL,
        created_us INTEGER NOT NULL,
        revoked_us INTEGER
    ) WITHOUT ROWID;
    """,
    """
    CREATE VIRTUAL TABLE words USING fts5(
        text, content='', tokenize='unicode61 remove_diacritics 2'
    );
    CREATE TABLE indexed (seq INTEGER NOT NULL);
    INSERT INTO indexed VALUES (0);
    """,
    # What was indexed before is indexed again, now that metadata are as well.
    """
    CREATE VIRTUAL TABLE labels USING fts5(
        text, content='', tokenize='unicode61 remove_diacritics 2'
    );
    INSERT INTO words (words) VALUES ('delete-all');
    UPDATE indexed SET seq = 0;
    """,
    # Every filter of a page is answered, and counted, by an index alone: a million
    # entries of one are read in 30 ms, a million rows of the table in 300. Flags cost
    # a byte each, 0 and 1 being SQLite's smallest values.
    """
    ALTER TABLE logs ADD COLUMN in_trace INTEGER NOT NULL DEFAULT 0;
    UPDATE logs SET in_trace = 1 WHERE trace_parent_id IS NOT NULL OR id IN
        (SELECT trace_parent_id FROM logs WHERE trace_parent_id IS NOT NULL);
    DROP INDEX logs_by_root;
    DROP INDEX logs_by_time;
    DROP INDEX logs_by_file;
    DROP INDEX logs_by_failure;
    DROP INDEX logs_by_source;
    DROP INDEX logs_by_user;
    DROP INDEX logs_by_environment;
    CREATE INDEX logs_by_time ON logs (created_us, seq, root, failed, in_trace);
    CREATE INDEX logs_by_file
        ON logs (file_id, created_us, seq, root, failed, in_trace, version_id);
    CREATE INDEX logs_by_failure
        ON logs (created_us, seq, root, in_trace, file_id, version_id) WHERE failed = 1;
    CREATE INDEX logs_by_source
        ON logs (source, created_us, seq, root, failed, in_trace, file_id)
        WHERE source IS NOT NULL;
    CREATE INDEX logs_by_user
        ON logs (user, created_us, seq, root, failed, in_trace, file_id)
        WHERE user IS NOT NULL;
    CREATE INDEX logs_by_environment
        ON logs (environment, created_us, seq, root, failed, in_trace, file_id)
        WHERE environment IS NOT NULL;
    CREATE VIRTUAL TABLE words_terms USING fts5vocab('words', 'row');
    CREATE VIRTUAL TABLE labels_terms USING fts5vocab('labels', 'row');
    """,
    # The session that a log's metadata name.
    """
    ALTER TABLE logs ADD COLUMN session_id TEXT;
    UPDATE logs SET session_id =
        (SELECT json_extract(body, '$.metadata.session_id') FROM bodies
         WHERE bodies.seq = logs.seq AND body LIKE '%"session_id"%'
         AND json_type(body, '$.metadata.session_id') = 'text');
    CREATE INDEX logs_by_session
        ON logs (session_id, created_us, seq, root, failed, in_trace, file_id)
        WHERE session_id IS NOT NULL;
    """,
    # How many logs there are of each kind that a page asks for: counting a million
    # entries of an index reads 25 MB, which is 200 ms where they are on the disk.
    # Triggers keep it, so that no statement can forget to: 0.5 µs a new log.
    """
    CREATE TABLE tallies (
        file_id TEXT NOT NULL,
        root INTEGER NOT NULL,
        failed INTEGER NOT NULL,
        in_trace INTEGER NOT NULL,
        logs INTEGER NOT NULL,
        PRIMARY KEY (file_id, root, failed, in_trace)
    ) WITHOUT ROWID;
    INSERT INTO tallies SELECT file_id, root, failed, in_trace, count(*)
        FROM logs GROUP BY file_id, root, failed, in_trace;
    CREATE TRIGGER tally_new AFTER INSERT ON logs BEGIN
        INSERT INTO tallies
            VALUES (new.file_id, new.root, new.failed, new.in_trace, 1)
            ON CONFLICT DO UPDATE SET logs = logs + 1;
    END;
    CREATE TRIGGER tally_gone AFTER DELETE ON logs BEGIN
        UPDATE tallies SET logs = logs - 1 WHERE file_id = old.file_id
            AND root = old.root AND failed = old.failed AND in_trace = old.in_trace;
    END;
    CREATE TRIGGER tally_changed
        AFTER UPDATE OF file_id, root, failed, in_trace ON logs
        WHEN (old.file_id, old.root, old.failed, old.in_trace)
            <> (new.file_id, new.root, new.failed, new.in_trace)
    BEGIN
        UPDATE tallies SET logs = logs - 1 WHERE file_id = old.file_id
            AND root = old.root AND failed = old.failed AND in_trace = old.in_trace;
        INSERT INTO tallies
            VALUES (new.file_id, new.root, new.failed, new.in_trace, 1)
            ON CONFLICT DO UPDATE SET logs = logs + 1;
    END;
    """,
    # Spans of OpenTelemetry that are no logs, but stand between those that are; and
    # calls whose response may be told of again. Ids of 16 and 8 bytes.
    """
    CREATE TABLE spans (
        seq INTEGER PRIMARY KEY,
        trace BLOB NOT NULL,
        span BLOB NOT NULL,
        parent BLOB,
        is_log INTEGER NOT NULL,
        response TEXT,
        scope TEXT NOT NULL,
        began INTEGER NOT NULL,
        ended INTEGER NOT NULL,
        seen_us INTEGER NOT NULL,
        UNIQUE (trace, span)
    );
    """,
    # Indexed again: the letters of unspaced scripts are words now. A search for two of
    # them went through a million logs in 19 seconds.
    """
    INSERT INTO words (words) VALUES ('delete-all');
    INSERT INTO labels (labels) VALUES ('delete-all');
    UPDATE indexed SET seq = 0;
    """,
    # Who told of a response first: asked for each call that a span tells of.
    """
    CREATE INDEX spans_by_response ON spans (trace, response)
        WHERE response IS NOT NULL;
    """,
    # Indexed again: of a text without end the index has both ends alone now, and takes
    # a log out of itself by the text that it had.
    """
    INSERT INTO words (words) VALUES ('delete-all');
    INSERT INTO labels (labels) VALUES ('delete-all');
    UPDATE indexed SET seq = 0;
    """,
)
