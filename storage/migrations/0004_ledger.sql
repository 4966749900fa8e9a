-- The ledger by the hour in which a message was received: a journal that is worked off later counts for the hour in
-- which its messages came. written: rows that tables got, which the audit holds against the tables themselves.
-- spooled: messages that the lane's journal still held after this commit. folded: counted in ledger_hour already.
ALTER TABLE ledger_entry
    ADD COLUMN hour timestamptz,
    ADD COLUMN written integer[],
    ADD COLUMN spooled bigint,
    ADD COLUMN folded boolean NOT NULL DEFAULT false;
CREATE INDEX ledger_entry_unfolded ON ledger_entry (ts) WHERE NOT folded;

-- What entries come to. written NULL = counted by a version that did not know it.
CREATE TABLE ledger_hour (
    hour timestamptz NOT NULL,
    lane text NOT NULL,
    site_no integer NOT NULL,
    received bigint NOT NULL,
    stored bigint NOT NULL,
    rejected bigint NOT NULL,
    duplicate bigint NOT NULL,
    written bigint,
    PRIMARY KEY (hour, lane, site_no)
);

CREATE OR REPLACE VIEW ledger AS
SELECT hour,
       lane,
       site_no,
       sum(received)::bigint AS received,
       sum(stored)::bigint AS stored,
       sum(rejected)::bigint AS rejected,
       sum(duplicate)::bigint AS duplicate,
       CASE WHEN bool_and(written IS NOT NULL) THEN sum(written)::bigint END AS written,
       sum(received - stored - rejected - duplicate)::bigint AS difference
FROM (
    SELECT hour, lane, site_no, received, stored, rejected, duplicate, written FROM ledger_hour
    UNION ALL
    SELECT coalesce(e.hour, date_bin('1 hour', e.ts, TIMESTAMPTZ '2000-01-01 00:00:00+00')),
           e.lane, u.site_no, u.received, u.stored, u.rejected, u.duplicate, u.written
    FROM ledger_entry AS e,
         LATERAL unnest(e.site_no, e.received, e.stored, e.rejected, e.duplicate, e.written)
             AS u (site_no, received, stored, rejected, duplicate, written)
    WHERE NOT e.folded
) AS line
GROUP BY hour, lane, site_no;

-- What the audit found: rows that the ledger says were written, and rows that are there.
CREATE TABLE ledger_audit (
    hour timestamptz NOT NULL,
    site_no integer NOT NULL,
    booked bigint NOT NULL,
    found bigint NOT NULL,
    audited_at timestamptz NOT NULL,
    PRIMARY KEY (hour, site_no)
);

-- The audit reads an hour by received_at. Rows come in that order, so a block range index is next to nothing.
CREATE INDEX heartbeat_received ON heartbeat USING brin (received_at) WITH (pages_per_range = 32);
CREATE INDEX reading_received ON reading USING brin (received_at) WITH (pages_per_range = 32);
CREATE INDEX event_received ON event USING brin (received_at) WITH (pages_per_range = 32);

-- Recognises a rejected message that comes again: a hash of its topic, its payload and its place among equal ones.
ALTER TABLE quarantine ADD COLUMN same bytea;
CREATE INDEX quarantine_same ON quarantine (same);
