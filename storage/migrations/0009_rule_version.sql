-- Rules as people changed them (docs/rules.md). Version 0 of a rule is the one that ships and lies in the program; here
-- are the versions after it, whole, none of which is ever changed. The newest counts.
CREATE TABLE rule_version (
    rule text NOT NULL CHECK (rule ~ '^[a-z][a-z0-9_]{0,63}$'),
    version integer NOT NULL CHECK (version > 0),
    document jsonb NOT NULL,
    enabled boolean NOT NULL,
    author text NOT NULL CHECK (author <> ''),
    reason text NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (rule, version)
);

-- What rules remembered before they were data, in the form of today: what a condition remembers, by its name; `stands`
-- where the trouble was raised.
UPDATE rule_state SET state = CASE rule
    WHEN 'high_temperature' THEN
        jsonb_build_object('reading:temperature_c', jsonb_strip_nulls(jsonb_build_object(
            'peak', state -> 'peak_c', 'said_s', state -> 'said_s', 'heard_s', state -> 'heard_s')))
        || CASE WHEN state ? 'peak_c' THEN '{"stands": true}'::jsonb ELSE '{}'::jsonb END
    WHEN 'temperature_rise' THEN '{"change:temperature_c": true, "stands": true}'::jsonb
    WHEN 'low_battery' THEN '{"battery": true, "stands": true}'::jsonb
    WHEN 'tamper' THEN
        jsonb_build_object('event:tamper', jsonb_build_object('said_s', state -> 'said_s', 'on', state -> 'active'))
        || CASE WHEN (state ->> 'active')::boolean THEN '{"stands": true}'::jsonb ELSE '{}'::jsonb END
    ELSE state
END
WHERE rule IN ('high_temperature', 'temperature_rise', 'low_battery', 'tamper');
