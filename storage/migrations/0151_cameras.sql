-- Where a camera's pictures come from. The password is a secret: no view, no API and no log shows it.
CREATE TABLE camera_source (
    device_no integer PRIMARY KEY REFERENCES device,
    way text NOT NULL CHECK (way IN ('snapshot', 'stream', 'push')),
    url text NOT NULL DEFAULT '' CHECK ((way = 'push') = (url = '')),
    username text NOT NULL DEFAULT '',
    password text NOT NULL DEFAULT '',
    updated_at timestamptz NOT NULL
);

-- The four truths of a camera as they stand, each by itself: since when it is so, when it was last found true and when
-- somebody last looked. known_since: from then on it is known, and what camera_interval does not say was true.
CREATE TABLE camera_truth (
    device_no integer NOT NULL REFERENCES device,
    truth text NOT NULL CHECK (truth IN ('reachable', 'registered', 'decodes', 'good')),
    state text NOT NULL CHECK (state IN ('yes', 'no', 'unknown')),
    reason text NOT NULL DEFAULT '',
    since timestamptz NOT NULL,
    known_since timestamptz NOT NULL,
    proved_at timestamptz,
    checked_at timestamptz NOT NULL,
    PRIMARY KEY (device_no, truth)
) WITH (fillfactor = 70);

-- When a truth did not hold, or nobody could tell, and has ended since. What stands is in camera_truth.
CREATE TABLE camera_interval (
    device_no integer NOT NULL,
    truth text NOT NULL,
    state text NOT NULL CHECK (state IN ('no', 'unknown')),
    reason text NOT NULL,
    began_at timestamptz NOT NULL,
    ended_at timestamptz NOT NULL CHECK (ended_at > began_at)
);
CREATE INDEX camera_interval_time ON camera_interval (truth, ended_at) INCLUDE (device_no, state, began_at);
CREATE INDEX camera_interval_of ON camera_interval (device_no, truth, ended_at);

-- A day that is over, added up for the cameras of a site: seconds outside planned maintenance in which the truth held, did
-- not, was not known; and those within it. Made of camera_interval, and made again where a window was changed afterwards.
CREATE TABLE camera_day (
    day date NOT NULL,
    site_no integer NOT NULL,
    truth text NOT NULL,
    yes_s double precision NOT NULL,
    no_s double precision NOT NULL,
    unknown_s double precision NOT NULL,
    planned_s double precision NOT NULL,
    PRIMARY KEY (truth, day, site_no)
);
CREATE TABLE camera_day_folded (
    day date PRIMARY KEY,
    folded_at timestamptz NOT NULL
);

-- How the patrol of a camera stands, and what the last picture said. standing: faults that were raised and are not over;
-- told: the one that people were told of.
CREATE TABLE camera_patrol (
    device_no integer PRIMARY KEY REFERENCES device,
    looked_at timestamptz,
    picture_at timestamptz,
    failures integer NOT NULL DEFAULT 0,
    failing_since timestamptz,
    failure text NOT NULL DEFAULT '',
    doubtful boolean NOT NULL DEFAULT false,
    standing text[] NOT NULL DEFAULT '{}',
    told text NOT NULL DEFAULT '',
    light text NOT NULL DEFAULT '',
    verdicts jsonb NOT NULL DEFAULT '[]'
) WITH (fillfactor = 70);

-- What diagnosis remembers of each camera (detectors.pictures.memory). Half of it does not compress.
CREATE TABLE camera_memory (
    device_no integer PRIMARY KEY REFERENCES device,
    memory bytea NOT NULL
) WITH (fillfactor = 50);
ALTER TABLE camera_memory ALTER COLUMN memory SET STORAGE EXTERNAL;

-- The proof of a diagnosis: picture, reference and difference lie on disk under this id until their time is over.
CREATE TABLE camera_evidence (
    evidence_id uuid PRIMARY KEY,
    device_no integer NOT NULL REFERENCES device,
    at timestamptz NOT NULL,
    fault text NOT NULL,
    light text NOT NULL,
    score double precision,
    bound double precision NOT NULL,
    region real[],
    size integer NOT NULL,
    removed_at timestamptz
);
CREATE INDEX camera_evidence_of ON camera_evidence (device_no, at DESC);
CREATE INDEX camera_evidence_kept ON camera_evidence (at) WHERE removed_at IS NULL;

-- What people taught the patrol, for the role that keeps the memories to take over.
CREATE TABLE camera_lesson (
    lesson_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_no integer NOT NULL REFERENCES device,
    kind text NOT NULL CHECK (kind IN ('rejected', 'adopted')),
    fault text NOT NULL DEFAULT '',
    light text NOT NULL DEFAULT '',
    score double precision,
    given_at timestamptz NOT NULL,
    given_by text NOT NULL,
    taken_at timestamptz
);
CREATE INDEX camera_lesson_waiting ON camera_lesson (lesson_no) WHERE taken_at IS NULL;
