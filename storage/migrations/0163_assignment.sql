-- Who has an incident in hand, as somebody said it. It moves no state: an assignment is no acknowledgement.
ALTER TABLE incident
    ADD COLUMN assigned_to text,
    ADD COLUMN assigned_at timestamptz,
    ADD COLUMN assigned_by text;
