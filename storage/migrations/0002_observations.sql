-- What devices said. Hypertables by ts where the server has TimescaleDB (storage/hypertables.py); no foreign keys, so
-- that COPY stays fast. received_at is when it reached us.
CREATE TABLE heartbeat (
    ts timestamptz NOT NULL,
    device_no integer NOT NULL,
    received_at timestamptz NOT NULL,
    battery_pct real
);
CREATE UNIQUE INDEX heartbeat_once ON heartbeat (device_no, ts);

CREATE TABLE reading (
    ts timestamptz NOT NULL,
    device_no integer NOT NULL,
    metric text NOT NULL,
    value double precision NOT NULL,
    received_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX reading_once ON reading (device_no, metric, ts);

-- Alarms, events and states. Stored once by uid: event_key is the plain table that says so for every ts.
CREATE TABLE event (
    ts timestamptz NOT NULL,
    uid uuid NOT NULL,
    device_no integer NOT NULL,
    channel text NOT NULL,
    kind text NOT NULL,
    active boolean NOT NULL,
    test boolean NOT NULL DEFAULT false,
    drill boolean NOT NULL DEFAULT false,
    detail jsonb NOT NULL DEFAULT '{}',
    received_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX event_once ON event (uid, ts);
CREATE INDEX event_by_device ON event (device_no, ts DESC);

CREATE TABLE event_key (
    uid uuid PRIMARY KEY,
    received_at timestamptz NOT NULL
);
CREATE INDEX event_key_age ON event_key (received_at);

-- Messages put aside with their reason, whole up to 64 KiB.
CREATE TABLE quarantine (
    quarantine_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    received_at timestamptz NOT NULL,
    topic text NOT NULL,
    site_id text NOT NULL,
    device_id text NOT NULL,
    channel text NOT NULL,
    reason text NOT NULL,
    detail text NOT NULL,
    payload bytea NOT NULL,
    size integer NOT NULL,
    replayed_at timestamptz
);
CREATE INDEX quarantine_reason ON quarantine (reason, quarantine_no DESC);
CREATE INDEX quarantine_age ON quarantine (received_at);
CREATE INDEX quarantine_unregistered ON quarantine (site_id, device_id)
    WHERE reason IN ('unknown_device', 'unknown_site');

-- One row a commit and lane: what came in for each site and what became of it. site_no 0 = no known site.
CREATE TABLE ledger_entry (
    ts timestamptz NOT NULL,
    lane text NOT NULL,
    site_no integer[] NOT NULL,
    received integer[] NOT NULL,
    stored integer[] NOT NULL,
    rejected integer[] NOT NULL,
    duplicate integer[] NOT NULL
);
CREATE INDEX ledger_entry_ts ON ledger_entry (ts);

CREATE VIEW ledger AS
SELECT date_bin('1 hour', e.ts, TIMESTAMPTZ '2000-01-01 00:00:00+00') AS hour,
       e.lane,
       u.site_no,
       sum(u.received) AS received,
       sum(u.stored) AS stored,
       sum(u.rejected) AS rejected,
       sum(u.duplicate) AS duplicate
FROM ledger_entry AS e,
     LATERAL unnest(e.site_no, e.received, e.stored, e.rejected, e.duplicate)
         AS u (site_no, received, stored, rejected, duplicate)
GROUP BY 1, 2, 3;

-- What a detector has to remember beyond what it can read back from the tables above.
CREATE TABLE rule_state (
    rule text NOT NULL,
    device_no integer NOT NULL,
    state jsonb NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (rule, device_no)
);
