-- Findings of the bulk lane on their way to alerting: committed with the observations that caused them.
CREATE TABLE finding (
    finding_id uuid PRIMARY KEY,
    finding_no bigint GENERATED ALWAYS AS IDENTITY,
    kind text NOT NULL,
    rule text NOT NULL,
    key text NOT NULL,
    category text NOT NULL,
    severity text NOT NULL,
    life_safety boolean NOT NULL,
    site_no integer NOT NULL,
    site_id text NOT NULL,
    device_no integer,
    device_id text NOT NULL,
    at timestamptz NOT NULL,
    found_at timestamptz NOT NULL,
    test boolean NOT NULL,
    drill boolean NOT NULL,
    detail jsonb NOT NULL,
    handled_at timestamptz
);
CREATE INDEX finding_waiting ON finding (finding_no) WHERE handled_at IS NULL;
CREATE INDEX finding_handled ON finding (handled_at) WHERE handled_at IS NOT NULL;

CREATE TABLE incident (
    incident_id uuid PRIMARY KEY,
    number bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    key text NOT NULL,
    rule text NOT NULL,
    category text NOT NULL,
    severity text NOT NULL,
    severity_rank smallint NOT NULL,
    life_safety boolean NOT NULL,
    test boolean NOT NULL,
    drill boolean NOT NULL,
    site_no integer NOT NULL,
    site_id text NOT NULL,
    device_no integer,
    device_id text NOT NULL,
    state text NOT NULL,
    raised_at timestamptz NOT NULL,
    last_event_at timestamptz NOT NULL,
    occurrences integer NOT NULL DEFAULT 1,
    detail jsonb NOT NULL,
    acknowledged_at timestamptz,
    acknowledged_by text,
    returned_at timestamptz,
    reset_at timestamptz,
    reset_by text,
    closed_at timestamptz,
    closed_by text,
    changed_at timestamptz NOT NULL
);
-- One open incident for one trouble, whoever opens it and however often the device repeats itself.
CREATE UNIQUE INDEX incident_open_once ON incident (key)
    WHERE state IN ('raised', 'acknowledged', 'returned', 'normal');
CREATE INDEX incident_queue ON incident (severity_rank, raised_at DESC)
    WHERE state IN ('raised', 'acknowledged', 'returned', 'normal', 'reset');
CREATE INDEX incident_by_time ON incident (raised_at DESC, number DESC);
CREATE INDEX incident_by_site ON incident (site_no, raised_at DESC);

-- The timeline. Rows are added, never changed.
CREATE TABLE incident_entry (
    entry_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident_id uuid NOT NULL REFERENCES incident,
    at timestamptz NOT NULL,
    kind text NOT NULL,
    actor text NOT NULL,
    detail jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX incident_entry_of ON incident_entry (incident_id, entry_no);

-- Outbox: what has to reach somebody. Claimed with FOR UPDATE SKIP LOCKED; lease_until keeps others off meanwhile.
CREATE TABLE delivery (
    delivery_id uuid PRIMARY KEY,
    incident_id uuid NOT NULL REFERENCES incident,
    channel text NOT NULL,
    recipient text NOT NULL,
    notice text NOT NULL,
    body jsonb NOT NULL,
    state text NOT NULL DEFAULT 'queued',
    attempts integer NOT NULL DEFAULT 0,
    life_safety boolean NOT NULL,
    created_at timestamptz NOT NULL,
    next_attempt_at timestamptz NOT NULL,
    lease_until timestamptz,
    sent_at timestamptz,
    received_at timestamptz,
    receipt_id text,
    receipt jsonb,
    last_error text
);
CREATE INDEX delivery_due ON delivery (next_attempt_at) WHERE state = 'queued';
CREATE INDEX delivery_of ON delivery (incident_id, created_at);
CREATE INDEX delivery_by_recipient ON delivery (recipient, created_at DESC);

-- Duty leaders (带班领导). site_no NULL = the whole district. contacts are Apprise URLs: secrets.
CREATE TABLE duty_shift (
    shift_no integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    leader text NOT NULL CHECK (leader <> ''),
    site_no integer REFERENCES site,
    contacts text[] NOT NULL CHECK (cardinality(contacts) > 0),
    language text NOT NULL DEFAULT 'zh' CHECK (language IN ('zh', 'en')),
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    CHECK (ends_at > starts_at)
);
CREATE INDEX duty_shift_time ON duty_shift (starts_at, ends_at);
