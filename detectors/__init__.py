"""The rule engine: pure steps from observations and time to findings. Nothing here does I/O or reads a clock."""
