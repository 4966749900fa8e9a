-- The audit trail as a chain: each entry's digest is over all its fields, each link's hash over the hash before it and
-- that digest (domain/audit.py says the same in Python, and verifies it without asking the database).
-- Entries get their digest when they are inserted, by whoever; the link is made at commit. So the one lock over the
-- chain is held for the end of a transaction only, and is the last one that it takes.
ALTER TABLE audit_entry
    ADD COLUMN origin text NOT NULL DEFAULT '',  -- from where: client address and workstation, command line
    ADD COLUMN digest bytea;

CREATE TABLE audit_link (
    position bigint PRIMARY KEY CHECK (position > 0),
    entry_no bigint NOT NULL UNIQUE,
    hash bytea NOT NULL
);

-- Netstrings: a field cannot lend bytes to its neighbour.
CREATE FUNCTION audit_field(field text) RETURNS bytea
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN convert_to(octet_length(convert_to(field, 'UTF8')) || ':' || field || ',', 'UTF8');

CREATE FUNCTION audit_digest(
    entry_no bigint, at timestamptz, actor text, origin text, action text, subject text, detail jsonb
) RETURNS bytea
    LANGUAGE sql STABLE STRICT
    RETURN sha256(
        audit_field(entry_no::text) || audit_field(round(extract(epoch FROM at) * 1000000)::bigint::text)
        || audit_field(actor) || audit_field(origin) || audit_field(action) || audit_field(subject)
        || audit_field(detail::text));

CREATE FUNCTION audit_entry_digest() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.digest := audit_digest(
        NEW.entry_no, NEW.at, NEW.actor, NEW.origin, NEW.action, NEW.subject, NEW.detail);
    RETURN NEW;
END $$;

-- Links every entry of the transaction that has no link yet, at its first entry. What others inserted is either
-- committed with its link or not seen. Always along the index: a plan for «the newest» may take it for a third of all.
CREATE FUNCTION audit_entry_link() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off AS $$
DECLARE
    entry record;
    place bigint;
    before bytea;
BEGIN
    IF EXISTS (SELECT FROM audit_link AS l WHERE l.entry_no = NEW.entry_no) THEN
        RETURN NULL;
    END IF;
    PERFORM pg_advisory_xact_lock(109364352480612);  -- "cw_aud"
    SELECT l.position, l.hash INTO place, before FROM audit_link AS l ORDER BY l.position DESC LIMIT 1;
    place := coalesce(place, 0);
    before := coalesce(before, decode(repeat('00', 32), 'hex'));
    FOR entry IN
        SELECT e.entry_no, e.digest FROM audit_entry AS e WHERE e.entry_no >= NEW.entry_no ORDER BY e.entry_no
    LOOP
        -- One by one along the index: an anti-join would read the whole chain for one entry.
        CONTINUE WHEN EXISTS (SELECT FROM audit_link AS l WHERE l.entry_no = entry.entry_no);
        place := place + 1;
        before := sha256(before || entry.digest);
        INSERT INTO audit_link (position, entry_no, hash) VALUES (place, entry.entry_no, before);
    END LOOP;
    RETURN NULL;
END $$;

CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit trail is append-only: % on % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;

-- What was written before there was a chain is its beginning.
UPDATE audit_entry SET digest = audit_digest(entry_no, at, actor, origin, action, subject, detail);
ALTER TABLE audit_entry ALTER COLUMN digest SET NOT NULL;
DO $$
DECLARE
    entry record;
    place bigint := 0;
    before bytea := decode(repeat('00', 32), 'hex');
BEGIN
    FOR entry IN SELECT e.entry_no, e.digest FROM audit_entry AS e ORDER BY e.entry_no LOOP
        place := place + 1;
        before := sha256(before || entry.digest);
        INSERT INTO audit_link (position, entry_no, hash) VALUES (place, entry.entry_no, before);
    END LOOP;
END $$;

CREATE TRIGGER audit_entry_digest BEFORE INSERT ON audit_entry
    FOR EACH ROW EXECUTE FUNCTION audit_entry_digest();
CREATE CONSTRAINT TRIGGER audit_entry_link AFTER INSERT ON audit_entry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_entry_link();
CREATE TRIGGER audit_entry_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_link_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_link
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();

REVOKE UPDATE, DELETE, TRUNCATE ON audit_entry, audit_link FROM PUBLIC, CURRENT_USER;

CREATE INDEX audit_entry_time ON audit_entry (at DESC);
CREATE INDEX audit_entry_actor ON audit_entry (actor, entry_no DESC);
CREATE INDEX audit_entry_subject ON audit_entry (subject, entry_no DESC);

-- Graded response: I (1, the gravest) to IV (4). NULL = not graded.
ALTER TABLE incident ADD COLUMN grade smallint CHECK (grade BETWEEN 1 AND 4);
