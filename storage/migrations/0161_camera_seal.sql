-- A camera's password as it is kept: sealed with a key that the database does not have (ADR 29). The column password holds
-- what was written before; the patrol seals it when it begins, and nothing is written there any more.
ALTER TABLE camera_source ADD COLUMN sealed bytea;
COMMENT ON COLUMN camera_source.password IS 'always empty once the patrol has run: see sealed';
