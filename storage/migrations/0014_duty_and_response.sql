-- People who can be on duty, of the bureau (site_no NULL) and of sites. person_id is what lists call them: a number of
-- the staff, a name in letters.
CREATE TABLE person (
    person_no integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person_id text NOT NULL UNIQUE CHECK (person_id <> ''),
    name text NOT NULL CHECK (name <> ''),
    site_no integer REFERENCES site,
    language text NOT NULL DEFAULT 'zh' CHECK (language IN ('zh', 'en')),
    left_at timestamptz
);

-- Ways to a person. address is a secret: an Apprise URL, the URL of a person's system, a telephone number.
CREATE TABLE contact (
    contact_no integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person_no integer NOT NULL REFERENCES person,
    channel text NOT NULL,
    address text NOT NULL CHECK (address <> ''),
    rank smallint NOT NULL DEFAULT 0,
    tested_at timestamptz,
    test_ok boolean,
    test_error text NOT NULL DEFAULT '',
    verified_at timestamptz,
    UNIQUE (person_no, channel, address)
);

-- Shifts of people on the list beside those that name somebody with his contacts.
ALTER TABLE duty_shift ADD COLUMN person_no integer REFERENCES person;
ALTER TABLE duty_shift ADD COLUMN role text NOT NULL DEFAULT 'leader' CHECK (role IN ('leader', 'officer'));
ALTER TABLE duty_shift DROP CONSTRAINT duty_shift_contacts_check;
ALTER TABLE duty_shift ADD CHECK (person_no IS NOT NULL OR cardinality(contacts) > 0);
CREATE UNIQUE INDEX duty_shift_once ON duty_shift (person_no, coalesce(site_no, 0), role, starts_at)
    WHERE person_no IS NOT NULL;

-- What holds where no shift is written: on these days of the calendar, from when to when by the district's clock.
CREATE TABLE duty_pattern (
    pattern_no integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_no integer REFERENCES site,
    role text NOT NULL CHECK (role IN ('leader', 'officer')),
    person_no integer NOT NULL REFERENCES person,
    day_kinds text[] NOT NULL CHECK (cardinality(day_kinds) > 0),
    weekdays smallint[] NOT NULL DEFAULT '{1,2,3,4,5,6,7}',
    starts time NOT NULL,
    ends time NOT NULL,
    first_day date NOT NULL,
    last_day date NOT NULL CHECK (last_day >= first_day)
);

-- Two shifts change hands.
CREATE TABLE duty_swap (
    swap_no integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shift_no integer NOT NULL REFERENCES duty_shift ON DELETE CASCADE,
    other_no integer NOT NULL REFERENCES duty_shift ON DELETE CASCADE CHECK (other_no <> shift_no),
    made_at timestamptz NOT NULL,
    made_by text NOT NULL,
    note text NOT NULL DEFAULT ''
);

-- Somebody stands in, instead of one person or of everybody who would be on duty.
CREATE TABLE duty_override (
    override_no integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_no integer REFERENCES site,
    role text NOT NULL CHECK (role IN ('leader', 'officer')),
    person_no integer NOT NULL REFERENCES person,
    instead_of integer REFERENCES person,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL CHECK (ends_at > starts_at),
    made_at timestamptz NOT NULL,
    made_by text NOT NULL,
    note text NOT NULL DEFAULT ''
);
CREATE INDEX duty_override_time ON duty_override (starts_at, ends_at);

-- Who handed over to whom (交接班). Rows are added, never changed.
CREATE TABLE duty_handover (
    handover_no integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_no integer REFERENCES site,
    role text NOT NULL,
    from_person text NOT NULL,
    to_person text NOT NULL,
    at timestamptz NOT NULL,
    note text NOT NULL DEFAULT '',
    made_by text NOT NULL
);

-- When somebody has to be on duty; a site (NULL = bureau) and role without a row: round the clock, once it has a roster.
CREATE TABLE duty_requirement (
    requirement_no integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_no integer REFERENCES site,
    role text NOT NULL CHECK (role IN ('leader', 'officer')),
    day_kinds text[] NOT NULL CHECK (cardinality(day_kinds) > 0),
    starts time NOT NULL,
    ends time NOT NULL
);

-- What the daily audit found, the newest of each.
CREATE TABLE roster_audit (
    site_id text PRIMARY KEY,
    at timestamptz NOT NULL,
    faults jsonb NOT NULL
);

-- Plans of the graded response (分级响应). Rows are added, never changed; the newest holds. Without one, the usual one.
CREATE TABLE response_plan (
    version integer PRIMARY KEY CHECK (version > 0),
    made_at timestamptz NOT NULL,
    made_by text NOT NULL,
    note text NOT NULL DEFAULT '',
    plan jsonb NOT NULL
);

-- How an incident is answered: the state machine of its escalation. next_at: when something happens by itself.
CREATE TABLE response (
    incident_id uuid PRIMARY KEY REFERENCES incident,
    run integer NOT NULL DEFAULT 1,
    state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'taken', 'exhausted', 'over')),
    grade smallint CHECK (grade BETWEEN 1 AND 4),
    plan_version integer,
    step integer NOT NULL DEFAULT 0,
    round integer NOT NULL DEFAULT 0,
    life_safety boolean NOT NULL,
    began_at timestamptz NOT NULL,
    next_at timestamptz,
    taken_by text,
    taken_at timestamptz
);
CREATE INDEX response_due ON response (life_safety DESC, next_at) WHERE next_at IS NOT NULL;

-- Incidents that became graver because of others; worked off one by one, for each locks its incident.
CREATE TABLE response_upgrade (
    upgrade_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident_id uuid NOT NULL REFERENCES incident,
    grade smallint NOT NULL CHECK (grade BETWEEN 1 AND 4),
    together integer NOT NULL
);

-- What was ticked off the check-list.
CREATE TABLE response_tick (
    incident_id uuid NOT NULL REFERENCES incident,
    item text NOT NULL,
    at timestamptz NOT NULL,
    actor text NOT NULL,
    note text NOT NULL DEFAULT '',
    PRIMARY KEY (incident_id, item)
);

-- Which delivery of the outbox belongs to which step; NULL for all others.
ALTER TABLE delivery ADD COLUMN step_key text;
CREATE INDEX delivery_step ON delivery (incident_id, step_key) WHERE step_key IS NOT NULL;

-- Links of messages that were followed: each works once.
CREATE TABLE used_link (
    delivery_id uuid PRIMARY KEY REFERENCES delivery,
    at timestamptz NOT NULL,
    action text NOT NULL
);

-- Keys of this installation, made here and known to nobody.
CREATE TABLE signing_key (
    purpose text PRIMARY KEY,
    key bytea NOT NULL
);
INSERT INTO signing_key (purpose, key)
    VALUES ('notice-link', sha256((gen_random_uuid()::text || gen_random_uuid()::text)::bytea));
