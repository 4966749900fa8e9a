-- An override that was a mistake holds no more, and stays readable.
ALTER TABLE duty_override
    ADD COLUMN voided_at timestamptz,
    ADD COLUMN voided_by text,
    ADD COLUMN void_reason text;
