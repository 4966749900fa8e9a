-- Nothing signs in by the name at a provider.
ALTER TABLE account DROP COLUMN subject;
-- A token that was revoked gives its name back.
ALTER TABLE api_token DROP CONSTRAINT api_token_account_id_name_key;
CREATE UNIQUE INDEX api_token_name ON api_token (account_id, name) WHERE revoked_at IS NULL;
