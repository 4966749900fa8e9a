-- What the 100% targets rest on: guards, posts, gates, barriers, enrolment, calendar (ADR 0019). Rows are versions: a
-- change ends one (valid_to) and begins the next, so that any past moment can be asked for. valid_to NULL = holds now.
ALTER TABLE site
    ADD COLUMN pupils integer CHECK (pupils >= 0),
    ADD COLUMN boarders integer NOT NULL DEFAULT 0 CHECK (boarders >= 0),
    ADD COLUMN key_site boolean NOT NULL DEFAULT false;

-- must_network NULL = as its kind and place say (domain/device.py).
ALTER TABLE device
    ADD COLUMN key_place boolean NOT NULL DEFAULT false,
    ADD COLUMN must_network boolean;

-- The versions of what verdicts take from a site. One row holds now for each site.
CREATE TABLE site_fact (
    version_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_no integer NOT NULL REFERENCES site,
    kind text NOT NULL,
    township text NOT NULL,
    pupils integer,
    boarders integer NOT NULL,
    key_site boolean NOT NULL,
    valid_from timestamptz NOT NULL,
    valid_to timestamptz CHECK (valid_to >= valid_from)
);
CREATE UNIQUE INDEX site_fact_now ON site_fact (site_no) WHERE valid_to IS NULL;
CREATE INDEX site_fact_then ON site_fact (site_no, valid_from);
INSERT INTO site_fact (site_no, kind, township, pupils, boarders, key_site, valid_from)
SELECT site_no, kind, township, pupils, boarders, key_site, created_at FROM site;

-- Devices that had to be networked with police and education, while they were in service.
CREATE TABLE networked_device (
    version_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_no integer NOT NULL REFERENCES device,
    kind text NOT NULL,
    key_place boolean NOT NULL,
    valid_from timestamptz NOT NULL,
    valid_to timestamptz CHECK (valid_to >= valid_from)
);
CREATE UNIQUE INDEX networked_device_now ON networked_device (device_no) WHERE valid_to IS NULL;
CREATE INDEX networked_device_then ON networked_device (device_no, valid_from);
INSERT INTO networked_device (device_no, kind, key_place, valid_from)
SELECT device_no, kind, key_place, created_at FROM device WHERE retired_at IS NULL AND kind = 'one_key_alarm';

CREATE TABLE guard (
    version_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    guard_id text NOT NULL CHECK (guard_id ~ '^[A-Za-z0-9-]{1,32}$'),
    site_id text NOT NULL REFERENCES site (site_id),
    name text NOT NULL CHECK (name <> ''),
    born_on date NOT NULL,
    first_hired_on date NOT NULL CHECK (first_hired_on > born_on),
    serves_from date NOT NULL,
    serves_until date CHECK (serves_until >= serves_from),
    full_time boolean NOT NULL,
    certificate_no text NOT NULL,
    certificate_from date,
    certificate_until date CHECK (certificate_until >= certificate_from),
    company text NOT NULL,
    phone text NOT NULL,
    card text NOT NULL,
    valid_from timestamptz NOT NULL,
    valid_to timestamptz CHECK (valid_to >= valid_from)
);
CREATE UNIQUE INDEX guard_now ON guard (guard_id) WHERE valid_to IS NULL;
CREATE UNIQUE INDEX guard_card ON guard (site_id, card) WHERE valid_to IS NULL AND card <> '';
CREATE INDEX guard_then ON guard (site_id, guard_id, valid_from);

CREATE TABLE guard_shift (
    version_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    guard_id text NOT NULL,
    site_id text NOT NULL REFERENCES site (site_id),
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL CHECK (ends_at > starts_at AND ends_at <= starts_at + interval '48 hours'),
    valid_from timestamptz NOT NULL,
    valid_to timestamptz CHECK (valid_to >= valid_from)
);
CREATE UNIQUE INDEX guard_shift_now ON guard_shift (guard_id, starts_at) WHERE valid_to IS NULL;
CREATE INDEX guard_shift_time ON guard_shift (starts_at, site_id);

-- Somebody was seen. Rows are added, never changed.
CREATE TABLE guard_check_in (
    check_in_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    guard_id text NOT NULL,
    site_id text NOT NULL REFERENCES site (site_id),
    at timestamptz NOT NULL,
    source text NOT NULL CHECK (source <> ''),
    recorded_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX guard_check_in_once ON guard_check_in (guard_id, at, source);
CREATE INDEX guard_check_in_site ON guard_check_in (site_id, at DESC);
CREATE INDEX guard_check_in_time ON guard_check_in (at);

CREATE TABLE guard_post (
    version_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id text NOT NULL REFERENCES site (site_id),
    post_id text NOT NULL CHECK (post_id ~ '^[A-Za-z0-9-]{1,32}$'),
    place text NOT NULL,
    required integer NOT NULL CHECK (required BETWEEN 1 AND 100),
    at_arrival boolean NOT NULL,
    at_leaving boolean NOT NULL,
    valid_from timestamptz NOT NULL,
    valid_to timestamptz CHECK (valid_to >= valid_from)
);
CREATE UNIQUE INDEX guard_post_now ON guard_post (site_id, post_id) WHERE valid_to IS NULL;
CREATE INDEX guard_post_then ON guard_post (site_id, post_id, valid_from);

-- Rows are added, never changed; of two that name one moment and reporter the later one holds.
CREATE TABLE post_report (
    report_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id text NOT NULL REFERENCES site (site_id),
    post_id text NOT NULL,
    at timestamptz NOT NULL,
    present integer NOT NULL CHECK (present BETWEEN 0 AND 1000),
    reporter text NOT NULL CHECK (reporter <> ''),
    recorded_at timestamptz NOT NULL
);
CREATE INDEX post_report_site ON post_report (site_id, at DESC);
CREATE INDEX post_report_time ON post_report (at);

CREATE TABLE gate (
    version_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id text NOT NULL REFERENCES site (site_id),
    gate_id text NOT NULL CHECK (gate_id ~ '^[A-Za-z0-9-]{1,32}$'),
    name text NOT NULL CHECK (name <> ''),
    main boolean NOT NULL,
    device_id text NOT NULL,
    closed_in_class boolean NOT NULL,
    valid_from timestamptz NOT NULL,
    valid_to timestamptz CHECK (valid_to >= valid_from)
);
CREATE UNIQUE INDEX gate_now ON gate (site_id, gate_id) WHERE valid_to IS NULL;
CREATE INDEX gate_then ON gate (site_id, gate_id, valid_from);

CREATE TABLE barrier (
    version_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id text NOT NULL REFERENCES site (site_id),
    barrier_id text NOT NULL CHECK (barrier_id ~ '^[A-Za-z0-9-]{1,32}$'),
    gate_id text NOT NULL,
    kind text NOT NULL,
    installed_on date,
    inspected_on date,
    inspection_passed boolean NOT NULL,
    inspection_days integer NOT NULL CHECK (inspection_days BETWEEN 1 AND 3660),
    device_id text NOT NULL,
    valid_from timestamptz NOT NULL,
    valid_to timestamptz CHECK (valid_to >= valid_from)
);
CREATE UNIQUE INDEX barrier_now ON barrier (site_id, barrier_id) WHERE valid_to IS NULL;
CREATE INDEX barrier_then ON barrier (site_id, barrier_id, valid_from);

-- Who inspected, and what was found; the barrier's newest one stands with the barrier.
CREATE TABLE barrier_inspection (
    inspection_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id text NOT NULL REFERENCES site (site_id),
    barrier_id text NOT NULL,
    inspected_on date NOT NULL,
    passed boolean NOT NULL,
    inspector text NOT NULL,
    note text NOT NULL,
    recorded_at timestamptz NOT NULL
);
CREATE INDEX barrier_inspection_of ON barrier_inspection (site_id, barrier_id, inspected_on DESC);

-- School safety officers (安全干部). contacts are Apprise URLs: secrets.
CREATE TABLE safety_officer (
    version_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id text NOT NULL REFERENCES site (site_id),
    name text NOT NULL CHECK (name <> ''),
    phone text NOT NULL,
    contacts text[] NOT NULL,
    language text NOT NULL CHECK (language IN ('zh', 'en')),
    valid_from timestamptz NOT NULL,
    valid_to timestamptz CHECK (valid_to >= valid_from)
);
CREATE UNIQUE INDEX safety_officer_now ON safety_officer (site_id, name) WHERE valid_to IS NULL;
CREATE INDEX safety_officer_then ON safety_officer (site_id, name, valid_from);

-- A year of the district's calendar, whole; a year that is not here goes as the shipped calendar says.
CREATE TABLE calendar_year (
    version_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    year integer NOT NULL CHECK (year BETWEEN 2000 AND 2100),
    spans jsonb NOT NULL,
    valid_from timestamptz NOT NULL,
    valid_to timestamptz CHECK (valid_to >= valid_from)
);
CREATE UNIQUE INDEX calendar_year_now ON calendar_year (year) WHERE valid_to IS NULL;
CREATE INDEX calendar_year_then ON calendar_year (year, valid_from);

-- The bells of a site from a day on, in minutes after midnight of the district; a site without goes by its kind.
CREATE TABLE site_bells (
    version_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id text NOT NULL REFERENCES site (site_id),
    from_day date NOT NULL,
    arrival smallint NOT NULL CHECK (arrival >= 0),
    lessons smallint NOT NULL CHECK (lessons > arrival),
    noon smallint NOT NULL CHECK (noon > lessons),
    afternoon smallint NOT NULL CHECK (afternoon > noon),
    leaving smallint NOT NULL CHECK (leaving > afternoon),
    leaving_to smallint NOT NULL CHECK (leaving_to > leaving),
    staff_leave smallint NOT NULL CHECK (staff_leave >= leaving AND staff_leave < 1440),
    evening_study smallint CHECK (evening_study > leaving AND evening_study < 1440),
    lights_out smallint CHECK (lights_out > leaving AND lights_out < 1440),
    valid_from timestamptz NOT NULL,
    valid_to timestamptz CHECK (valid_to >= valid_from)
);
CREATE UNIQUE INDEX site_bells_now ON site_bells (site_id, from_day) WHERE valid_to IS NULL;
CREATE INDEX site_bells_then ON site_bells (site_id, from_day, valid_from);
