-- Who may use the control room: accounts, their sessions in browsers, tokens of programs, and failed sign-ins (ADR 24).
CREATE TABLE account (
    account_id text PRIMARY KEY CHECK (account_id ~ '^[a-z0-9][a-z0-9._-]{0,31}$'),
    -- As it stands in timelines and in the audit: nobody else may have it.
    name text NOT NULL UNIQUE CHECK (name <> '' AND length(name) <= 64),
    role text NOT NULL CHECK (role IN (
        'operator', 'duty_leader', 'patrol_officer', 'school_officer', 'bureau', 'integrator', 'auditor',
        'administrator')),
    -- NULL = every site. A school officer has sites, and nobody else.
    site_ids text[] CHECK ((role = 'school_officer') = (site_ids IS NOT NULL) AND site_ids <> '{}'),
    -- argon2id. NULL = no password: tokens, or an OpenID Connect provider.
    password_hash text,
    -- A password that somebody else made: to be changed at the first sign-in, and of no use after that time.
    one_time_until timestamptz,
    -- The name of this person at the OpenID Connect provider.
    subject text UNIQUE CHECK (subject <> ''),
    language text NOT NULL DEFAULT 'zh' CHECK (language IN ('zh', 'en')),
    disabled_at timestamptz,
    made_at timestamptz NOT NULL,
    made_by text NOT NULL
);

-- The cookie is 32 random bytes; only what SHA-256 makes of them is kept.
CREATE TABLE session (
    hash bytea PRIMARY KEY CHECK (length(hash) = 32),
    account_id text NOT NULL REFERENCES account,
    made_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at timestamptz,
    address text NOT NULL,
    agent text NOT NULL DEFAULT ''
);
CREATE INDEX session_of ON session (account_id, made_at DESC);
CREATE INDEX session_age ON session (made_at);

CREATE TABLE api_token (
    token_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hash bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
    account_id text NOT NULL REFERENCES account,
    name text NOT NULL CHECK (name <> '' AND length(name) <= 64),
    -- What of the account's permissions it has; NULL = all of them.
    permissions text[],
    made_at timestamptz NOT NULL,
    made_by text NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    revoked_at timestamptz,
    UNIQUE (account_id, name)
);

-- Tries to sign in that failed, by account and address, by address, and by account. Bounded by whoever writes them.
CREATE TABLE sign_in_failure (
    key text PRIMARY KEY,
    failures integer NOT NULL CHECK (failures > 0),
    last_at timestamptz NOT NULL
);
CREATE INDEX sign_in_failure_age ON sign_in_failure (last_at);
