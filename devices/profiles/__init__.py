"""Makers' profiles: declarative YAML files that translate foreign topics and payloads into observations."""
