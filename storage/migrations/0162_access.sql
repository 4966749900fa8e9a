-- A session has a number by which its owner, or an administrator, ends it; and it says how somebody came in.
ALTER TABLE session ADD COLUMN session_no bigint GENERATED ALWAYS AS IDENTITY UNIQUE;
ALTER TABLE session ADD COLUMN how text NOT NULL DEFAULT 'password' CHECK (how IN ('password', 'provider'));

-- Who somebody is at an OpenID Connect provider (ADR 28). NULL: he does not sign in there.
ALTER TABLE account ADD COLUMN issuer text CHECK (issuer <> '' AND length(issuer) <= 500);
ALTER TABLE account ADD COLUMN subject text CHECK (subject <> '' AND length(subject) <= 255);
ALTER TABLE account ADD CONSTRAINT account_at_provider CHECK ((issuer IS NULL) = (subject IS NULL));
CREATE UNIQUE INDEX account_subject ON account (issuer, subject);

-- Somebody was sent to the provider and is not back yet. A row is taken once. What the browser carries is not kept,
-- only its SHA-256.
CREATE TABLE provider_visit (
    state bytea PRIMARY KEY CHECK (length(state) = 32),
    browser bytea NOT NULL CHECK (length(browser) = 32),
    nonce text NOT NULL,
    verifier text NOT NULL,
    redirect_uri text NOT NULL,
    address text NOT NULL,
    made_at timestamptz NOT NULL
);
CREATE INDEX provider_visit_age ON provider_visit (made_at);
