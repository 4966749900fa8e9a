"""The command groups of the `campuswatch` program, one a file."""
