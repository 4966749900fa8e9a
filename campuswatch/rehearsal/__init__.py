"""Rehearsals: the production code from decoded message to delivery decision, in one process, on a virtual clock."""
