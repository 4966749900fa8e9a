-- What people find out about an incident and do with it beside its states: verification, shelving, merging.
ALTER TABLE incident
    ADD COLUMN verification text CHECK (verification IN ('true', 'false', 'test', 'drill', 'unclear')),
    ADD COLUMN verification_reason text,
    ADD COLUMN verified_at timestamptz,
    ADD COLUMN verified_by text,
    ADD COLUMN merged_into uuid REFERENCES incident CHECK (merged_into <> incident_id),
    ADD COLUMN shelved_until timestamptz,
    ADD COLUMN shelved_by text,
    ADD COLUMN shelve_reason text,
    ADD CONSTRAINT life_safety_is_never_shelved CHECK (NOT (life_safety AND shelved_until IS NOT NULL)),
    ADD CONSTRAINT a_shelf_has_an_author_and_a_reason
        CHECK (shelved_until IS NULL OR (shelved_by <> '' AND shelve_reason <> ''));
CREATE INDEX incident_merged ON incident (merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX incident_shelved ON incident (shelved_until) WHERE shelved_until IS NOT NULL;

-- One level deep, life safety under life safety alone, and no alarm under a drill or a test.
CREATE FUNCTION incident_merge_allowed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    main incident;
BEGIN
    IF NEW.merged_into IS NULL THEN
        RETURN NEW;
    END IF;
    SELECT * INTO main FROM incident WHERE incident_id = NEW.merged_into;
    IF main.merged_into IS NOT NULL OR EXISTS (SELECT FROM incident WHERE merged_into = NEW.incident_id)
        OR (NEW.life_safety AND NOT main.life_safety) OR (NEW.test, NEW.drill) <> (main.test, main.drill) THEN
        RAISE EXCEPTION 'incident % may not be merged into %', NEW.number, main.number
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER incident_merge_allowed BEFORE INSERT OR UPDATE OF merged_into ON incident
    FOR EACH ROW WHEN (NEW.merged_into IS NOT NULL) EXECUTE FUNCTION incident_merge_allowed();

-- What is worked on: a site, a device, a rule, a kind of device, or several of these together (then all must fit).
-- NULL and '' stand for any.
CREATE TABLE maintenance_window (
    window_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_no integer REFERENCES site,
    device_no integer REFERENCES device,
    rule text NOT NULL DEFAULT '',
    device_kind text NOT NULL DEFAULT '',
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    reason text NOT NULL CHECK (reason <> ''),
    author text NOT NULL CHECK (author <> ''),
    made_at timestamptz NOT NULL,
    ended_at timestamptz,
    ended_by text,
    CHECK (ends_at > starts_at AND ends_at <= starts_at + interval '31 days'),
    CHECK (site_no IS NOT NULL OR device_no IS NOT NULL OR rule <> '' OR device_kind <> ''),
    CONSTRAINT life_safety_has_no_window CHECK (rule NOT IN (
        'one_key_alarm', 'duress_alarm', 'smoke_alarm', 'heat_alarm', 'manual_call_point', 'gas_alarm',
        'doubtful_alarm'))
);
CREATE INDEX maintenance_window_open ON maintenance_window (ends_at) WHERE ended_at IS NULL;

-- Findings that a window held back, whole, so that what still stands at its end is raised then. One that stands for a
-- key.
CREATE TABLE held_finding (
    held_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    window_no bigint NOT NULL REFERENCES maintenance_window,
    key text NOT NULL,
    rule text NOT NULL,
    severity text NOT NULL,
    life_safety boolean NOT NULL CONSTRAINT life_safety_is_never_held CHECK (NOT life_safety),
    site_id text NOT NULL,
    device_id text NOT NULL,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    times integer NOT NULL DEFAULT 1,
    finding jsonb NOT NULL,
    state text NOT NULL DEFAULT 'standing' CHECK (state IN ('standing', 'cleared', 'raised')),
    settled_at timestamptz
);
CREATE UNIQUE INDEX held_finding_once ON held_finding (key) WHERE state = 'standing';
CREATE INDEX held_finding_of ON held_finding (window_no, held_no DESC);

CREATE TABLE attachment (
    attachment_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident_id uuid NOT NULL REFERENCES incident,
    at timestamptz NOT NULL,
    actor text NOT NULL,
    name text NOT NULL,
    media_type text NOT NULL,
    size integer NOT NULL CHECK (size BETWEEN 1 AND 5242880),
    sha256 bytea NOT NULL,
    content bytea NOT NULL
);
-- Pictures do not compress, and every upload would pay for the try.
ALTER TABLE attachment ALTER COLUMN content SET STORAGE EXTERNAL;
CREATE INDEX attachment_of ON attachment (incident_id, attachment_no);

-- Requests that carried an Idempotency-Key: the same one again does nothing more.
CREATE TABLE action_key (
    key text PRIMARY KEY,
    fingerprint bytea NOT NULL,
    at timestamptz NOT NULL
);
CREATE INDEX action_key_age ON action_key (at);
