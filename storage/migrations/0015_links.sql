-- What is sent about no incident: reports, early warnings.
ALTER TABLE delivery ALTER COLUMN incident_id DROP NOT NULL;
-- What a person at the far end said of it: accepted or refused.
ALTER TABLE delivery
    ADD COLUMN answered_at timestamptz,
    ADD COLUMN answered_by text,
    ADD COLUMN answer_note text;

-- Supervision of links: heartbeats, and test alarms that the system sends itself. alive_since is NULL while the link is
-- silent or was never proved. One process at a time claims what is due.
CREATE TABLE link_state (
    link_id text PRIMARY KEY,
    watched_since timestamptz NOT NULL,
    next_heartbeat_at timestamptz NOT NULL,
    heartbeat_sent_at timestamptz,
    heartbeat_answered_at timestamptz,
    alive_since timestamptz,
    silent_since timestamptz,
    last_error text,
    next_test_at timestamptz NOT NULL,
    test_sent_at timestamptz,
    test_webhook_id text,
    test_receipted_at timestamptz,
    test_receipt_id text
);

-- The two-hour clock (2小时内上报): one for each matter that has to be reported up the line.
CREATE TABLE report_clock (
    clock_id uuid PRIMARY KEY,
    incident_id uuid UNIQUE REFERENCES incident,
    site_no integer REFERENCES site,
    subject text NOT NULL DEFAULT '',
    started_at timestamptz NOT NULL,
    started_by text NOT NULL,
    reason text NOT NULL DEFAULT '',
    due_at timestamptz NOT NULL CHECK (due_at > started_at),
    state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'met', 'missed', 'waived')),
    warned_minutes integer NOT NULL DEFAULT 0,
    next_at timestamptz,
    ended_at timestamptz,
    ended_by text,
    end_reason text NOT NULL DEFAULT '',
    CHECK (incident_id IS NOT NULL OR subject <> '')
);
CREATE INDEX report_clock_due ON report_clock (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX report_clock_by_time ON report_clock (started_at DESC);

-- 初报、续报、终报. A draft can be edited, what is approved cannot.
CREATE TABLE report (
    report_id uuid PRIMARY KEY,
    clock_id uuid NOT NULL REFERENCES report_clock,
    kind text NOT NULL CHECK (kind IN ('first', 'follow_up', 'final')),
    place integer NOT NULL CHECK (place > 0),
    state text NOT NULL DEFAULT 'draft' CHECK (state IN ('draft', 'approved')),
    text text NOT NULL CHECK (text <> ''),
    drafted_at timestamptz NOT NULL,
    drafted_by text NOT NULL,
    edited_at timestamptz NOT NULL,
    edited_by text NOT NULL,
    approved_at timestamptz,
    approved_by text,
    delivery_id uuid REFERENCES delivery,
    UNIQUE (clock_id, place)
);
CREATE UNIQUE INDEX report_first_once ON report (clock_id) WHERE kind = 'first';
CREATE UNIQUE INDEX report_final_once ON report (clock_id) WHERE kind = 'final';

-- What became of clocks and reports. Rows are added and never changed: a missed report stays missed.
CREATE TABLE report_event (
    event_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    clock_id uuid NOT NULL REFERENCES report_clock,
    report_id uuid REFERENCES report,
    at timestamptz NOT NULL,
    kind text NOT NULL,
    actor text NOT NULL,
    detail jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX report_event_of ON report_event (clock_id, event_no);

CREATE FUNCTION report_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: what was reported late, or not at all, stays on record', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER report_event_append_only BEFORE UPDATE OR DELETE ON report_event
    FOR EACH ROW EXECUTE FUNCTION report_refuse_change();
CREATE TRIGGER report_event_no_truncate BEFORE TRUNCATE ON report_event
    FOR EACH STATEMENT EXECUTE FUNCTION report_refuse_change();
-- A clock that has ended keeps its end, and no clock is set back.
CREATE TRIGGER report_clock_end_stands BEFORE UPDATE ON report_clock
    FOR EACH ROW WHEN (
        (OLD.state <> 'running' AND (NEW.state, NEW.ended_at, NEW.ended_by, NEW.end_reason)
            IS DISTINCT FROM (OLD.state, OLD.ended_at, OLD.ended_by, OLD.end_reason))
        OR (NEW.clock_id, NEW.incident_id, NEW.started_at, NEW.started_by, NEW.due_at)
            IS DISTINCT FROM (OLD.clock_id, OLD.incident_id, OLD.started_at, OLD.started_by, OLD.due_at))
    EXECUTE FUNCTION report_refuse_change();
CREATE TRIGGER report_clock_stays BEFORE DELETE ON report_clock
    FOR EACH ROW EXECUTE FUNCTION report_refuse_change();
CREATE TRIGGER report_clock_no_truncate BEFORE TRUNCATE ON report_clock
    FOR EACH STATEMENT EXECUTE FUNCTION report_refuse_change();
-- What was approved is what was sent.
CREATE TRIGGER report_approved_stands BEFORE UPDATE ON report
    FOR EACH ROW WHEN (OLD.state = 'approved' AND (NEW.state, NEW.text, NEW.approved_at, NEW.approved_by, NEW.delivery_id)
        IS DISTINCT FROM (OLD.state, OLD.text, OLD.approved_at, OLD.approved_by, OLD.delivery_id))
    EXECUTE FUNCTION report_refuse_change();
CREATE TRIGGER report_stays BEFORE DELETE ON report
    FOR EACH ROW EXECUTE FUNCTION report_refuse_change();

-- Early warnings (weather and others) to groups of sites, and who has read them.
CREATE TABLE early_warning (
    warning_id uuid PRIMARY KEY,
    number bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    kind text NOT NULL,
    level text NOT NULL CHECK (level IN ('blue', 'yellow', 'orange', 'red')),
    title_zh text NOT NULL CHECK (title_zh <> ''),
    title_en text NOT NULL DEFAULT '',
    text_zh text NOT NULL CHECK (text_zh <> ''),
    text_en text NOT NULL DEFAULT '',
    audience jsonb NOT NULL,
    issued_at timestamptz NOT NULL,
    issued_by text NOT NULL,
    valid_from timestamptz NOT NULL,
    valid_until timestamptz NOT NULL CHECK (valid_until > valid_from),
    cancelled_at timestamptz,
    cancelled_by text,
    cancel_reason text NOT NULL DEFAULT ''
);
CREATE INDEX early_warning_by_time ON early_warning (issued_at DESC);

CREATE TABLE warning_receipt (
    warning_id uuid NOT NULL REFERENCES early_warning,
    site_no integer NOT NULL REFERENCES site,
    told_at timestamptz,
    reachable boolean,
    reminders integer NOT NULL DEFAULT 0,
    next_at timestamptz,
    read_at timestamptz,
    read_by text,
    PRIMARY KEY (warning_id, site_no)
);
CREATE INDEX warning_receipt_due ON warning_receipt (next_at) WHERE next_at IS NOT NULL;
