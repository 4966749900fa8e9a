-- Who had taken an incident that calls again: he is told with the first step of the new run, whoever is on duty.
ALTER TABLE response ADD COLUMN taken_before text;
