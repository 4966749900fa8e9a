-- Why nobody can tell whether a device lives: it is behind a dead one, its whole site is silent, or what it was behind is
-- back and it has its time to report. Of a device that is offline: that it is behind a dead one as well.
ALTER TABLE device_state
    ADD COLUMN reason text NOT NULL DEFAULT '' CHECK (reason IN ('', 'behind', 'site', 'returning')),
    ADD COLUMN behind_no integer REFERENCES device;
