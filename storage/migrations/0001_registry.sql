-- Sites and devices. Row numbers (site_no, device_no) keep the big tables narrow; people use site_id and device_id.
CREATE TABLE site (
    site_no integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id text NOT NULL UNIQUE CHECK (site_id ~ '^[a-z0-9-]{1,32}$'),
    name text NOT NULL CHECK (name <> ''),
    name_en text NOT NULL DEFAULT '',
    kind text NOT NULL,
    township text NOT NULL DEFAULT '',
    address text NOT NULL DEFAULT '',
    longitude double precision CHECK (longitude BETWEEN -180 AND 180),
    latitude double precision CHECK (latitude BETWEEN -90 AND 90),
    contact_name text NOT NULL DEFAULT '',
    contact_phone text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE device (
    device_no integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_no integer NOT NULL REFERENCES site,
    device_id text NOT NULL CHECK (device_id ~ '^[A-Za-z0-9_.-]{1,64}$'),
    kind text NOT NULL,
    name text NOT NULL DEFAULT '',
    place text NOT NULL DEFAULT '',
    parent_no integer REFERENCES device,
    profile text NOT NULL DEFAULT '',
    address text NOT NULL DEFAULT '',
    heartbeat_s integer NOT NULL DEFAULT 30 CHECK (heartbeat_s BETWEEN 1 AND 86400),
    retired_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (site_no, device_id)
);
CREATE INDEX device_parent ON device (parent_no) WHERE parent_no IS NOT NULL;
-- A maker's topic leads to one device only.
CREATE UNIQUE INDEX device_address ON device (profile, site_no, address) WHERE profile <> '';

-- What the bulk lane last concluded about a device's life: proved alive, missed its heartbeats, or never heard.
CREATE TABLE device_state (
    device_no integer PRIMARY KEY REFERENCES device,
    connectivity text NOT NULL DEFAULT 'unknown' CHECK (connectivity IN ('online', 'offline', 'unknown')),
    since timestamptz NOT NULL,
    last_seen_at timestamptz
);

-- Who did what to the registry and to incidents.
CREATE TABLE audit_entry (
    entry_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    subject text NOT NULL,
    detail jsonb NOT NULL DEFAULT '{}'
);
