-- The three 100% targets and the fourth: definitions as dated versions. The version in force at a moment is the highest
-- of those that have started by then.
CREATE TABLE target_definition (
    target_id text NOT NULL CHECK (target_id ~ '^[a-z][a-z0-9_]{0,31}$'),
    version integer NOT NULL CHECK (version > 0),
    measure text NOT NULL,
    name_zh text NOT NULL CHECK (name_zh <> ''),
    name_en text NOT NULL CHECK (name_en <> ''),
    starts_at timestamptz NOT NULL,
    enabled boolean NOT NULL,
    parameters jsonb NOT NULL DEFAULT '{}',
    author text NOT NULL DEFAULT '',
    reason text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (target_id, version)
);
-- Figures that are not named here are the measure's own (detectors/targets).
INSERT INTO target_definition (target_id, version, measure, name_zh, name_en, starts_at, enabled, author, reason) VALUES
    ('guard_staffing', 1, 'guard_staffing', '专职保安员配备率', 'Full-time guards', '2000-01-01 00:00:00+08', true,
     'campuswatch', 'as shipped'),
    ('closed_campus', 1, 'closed_campus', '封闭化管理和硬质防冲撞设施安装率', 'Closed campus and hard barriers',
     '2000-01-01 00:00:00+08', true, 'campuswatch', 'as shipped'),
    ('networking', 1, 'networking', '一键式报警和重要部位视频联网率', 'One-key alarms and key-place video networked',
     '2000-01-01 00:00:00+08', true, 'campuswatch', 'as shipped'),
    ('guard_posts', 1, 'guard_posts', '护学岗设置率', 'Guard posts', '2000-01-01 00:00:00+08', false,
     'campuswatch', 'as shipped: some districts count it');

-- How each site stood to each target, and why. until NULL = so it stands now. causes: what kept it from meeting the
-- target, or from being known to, each with its proof.
CREATE TABLE compliance_interval (
    interval_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_no integer NOT NULL REFERENCES site,
    target_id text NOT NULL,
    version integer NOT NULL,
    standing text NOT NULL CHECK (standing IN ('compliant', 'dropped', 'unknown', 'exempt')),
    since timestamptz NOT NULL,
    until timestamptz CHECK (until > since),
    causes jsonb NOT NULL DEFAULT '[]',
    FOREIGN KEY (target_id, version) REFERENCES target_definition
);
CREATE UNIQUE INDEX compliance_now ON compliance_interval (site_no, target_id) WHERE until IS NULL;
CREATE INDEX compliance_time ON compliance_interval (target_id, since, until);
CREATE INDEX compliance_site ON compliance_interval (site_no, target_id, since DESC);

-- What was raised by the keeper of the targets and is not over.
CREATE TABLE target_flag (
    key text PRIMARY KEY,
    site_no integer NOT NULL,
    since timestamptz NOT NULL,
    detail jsonb NOT NULL DEFAULT '{}'
);

-- Warnings ahead of an expiry, each given once.
CREATE TABLE expiry_warning (
    site_no integer NOT NULL REFERENCES site,
    target_id text NOT NULL,
    requirement text NOT NULL,
    subject text NOT NULL,
    expires_at timestamptz NOT NULL,
    days_ahead integer NOT NULL,
    warned_at timestamptz NOT NULL,
    over_at timestamptz,
    PRIMARY KEY (site_no, target_id, requirement, subject, expires_at, days_ahead)
);
CREATE INDEX expiry_warning_open ON expiry_warning (site_no) WHERE over_at IS NULL;

-- The newest alarm of a device that the other side of a link has receipted. incident_id NULL = proved at acceptance.
CREATE TABLE link_proof (
    device_no integer NOT NULL REFERENCES device,
    link_id text NOT NULL,
    proved_at timestamptz NOT NULL,
    receipt_id text NOT NULL DEFAULT '',
    test boolean NOT NULL DEFAULT true,
    incident_id uuid,
    PRIMARY KEY (device_no, link_id)
);
CREATE INDEX delivery_receipted ON delivery (sent_at)
    WHERE channel = 'webhook' AND notice = 'raised' AND receipt_id IS NOT NULL;

-- How devices that have a condition last said they stand: a door, a barrier, a zone.
CREATE TABLE device_condition (
    device_no integer PRIMARY KEY REFERENCES device,
    condition jsonb NOT NULL,
    since timestamptz NOT NULL,
    at timestamptz NOT NULL
);

-- Until when the keeper has looked at everything that changes by itself: a restart takes it up from there.
CREATE TABLE target_mark (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    looked_at timestamptz NOT NULL
);
