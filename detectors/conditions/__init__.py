"""Conditions as they are worked out: one class a kind, in one table (`detectors.conditions.making`)."""
