-- The grade of an incident is that of its response; this one was never written.
ALTER TABLE incident DROP COLUMN grade;
