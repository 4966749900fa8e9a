-- A round of the patrol officer (巡查轮次): which cameras, in which order, and what became of it.
CREATE TABLE patrol_round (
    round_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('sample', 'doubtful', 'site')),
    site_no integer REFERENCES site,
    started_at timestamptz NOT NULL,
    started_by text NOT NULL CHECK (started_by <> ''),
    ended_at timestamptz,
    ended_by text
);
CREATE INDEX patrol_round_time ON patrol_round (started_at DESC);

-- One diagnosis to confirm or reject, or (fault '') a picture to look at. What was shown stays as it was.
CREATE TABLE patrol_item (
    round_no bigint NOT NULL REFERENCES patrol_round,
    place integer NOT NULL,
    device_no integer NOT NULL REFERENCES device,
    fault text NOT NULL,
    light text NOT NULL DEFAULT '',
    score double precision,
    evidence_id uuid,
    picture_at timestamptz,
    verdict text CHECK (verdict IN ('confirmed', 'rejected', 'good', 'missed', 'unseen')),
    found text NOT NULL DEFAULT '',
    note text NOT NULL DEFAULT '',
    judged_at timestamptz,
    judged_by text,
    hazard_no bigint,
    PRIMARY KEY (round_no, place),
    CHECK ((verdict IS NULL) = (judged_at IS NULL))
);
CREATE INDEX patrol_item_judged ON patrol_item (judged_at) WHERE judged_at IS NOT NULL;

-- A camera to be mended by its site (隐患): found by a person, with a deadline; over when a person strikes it off.
-- cleared_at: the patrol saw the picture good again.
CREATE TABLE camera_hazard (
    hazard_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_no integer NOT NULL REFERENCES device,
    fault text NOT NULL CHECK (fault <> ''),
    evidence_id uuid,
    found_at timestamptz NOT NULL,
    found_by text NOT NULL,
    due_at timestamptz NOT NULL CHECK (due_at > found_at),
    overdue_told_at timestamptz,
    cleared_at timestamptz,
    struck_at timestamptz,
    struck_by text,
    note text NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX camera_hazard_open ON camera_hazard (device_no, fault) WHERE struck_at IS NULL;
CREATE INDEX camera_hazard_time ON camera_hazard (found_at DESC);
