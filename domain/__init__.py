"""The words of the field as plain types. Nothing here does I/O or reads a clock."""
