-- How far a device's clock is from ours: seconds ahead (negative: behind), and since when that is known. NULL = right,
-- or nothing is known of it.
ALTER TABLE device_state
    ADD COLUMN clock_offset_s double precision,
    ADD COLUMN clock_at timestamptz;
CREATE INDEX device_state_clock ON device_state (device_no) WHERE clock_offset_s IS NOT NULL;
