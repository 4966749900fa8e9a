-- A parent that never speaks, such as an unmanaged switch, is offline where everything that hangs on it fell silent
-- together.
ALTER TABLE device_state
    DROP CONSTRAINT device_state_reason_check,
    ADD CONSTRAINT device_state_reason_check CHECK (reason IN ('', 'behind', 'site', 'returning', 'inferred'));
