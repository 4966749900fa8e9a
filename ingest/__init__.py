"""Collectors and lanes: from the broker to a commit, and only then the acknowledgement."""
