-- What the detectors remember of each device from one message to the next, as a log: one row a commit holds what changed,
-- the newest row of a device counts. Every few minutes a generation ends: all of it has been written down anew, and the
-- rows of generations before are deleted.
CREATE TABLE detector_mark (
    mark_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    generation bigint NOT NULL,
    marks bytea NOT NULL
);
-- Half of it are numbers that do not compress, and every commit would pay for the try.
ALTER TABLE detector_mark ALTER COLUMN marks SET STORAGE EXTERNAL;
