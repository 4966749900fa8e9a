"""Scenarios: what happens in a district told as a short script, and what the control room shall make of it."""
