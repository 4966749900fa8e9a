"""Each benchmark measures the program as it ships and checks that nothing was lost: ``python -m benchmarks --list``."""
