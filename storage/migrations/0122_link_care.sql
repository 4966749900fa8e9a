-- Test alarms of a link that bring no receipt, and a time in which its supervision rests because the far end is worked on.
ALTER TABLE link_state
    ADD COLUMN tests_failed integer NOT NULL DEFAULT 0 CHECK (tests_failed >= 0),  -- in a row
    ADD COLUMN untested_since timestamptz,                                         -- while that is an incident
    ADD COLUMN paused_until timestamptz,
    ADD COLUMN paused_by text NOT NULL DEFAULT '',
    ADD COLUMN pause_reason text NOT NULL DEFAULT '';
