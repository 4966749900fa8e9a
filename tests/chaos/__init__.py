"""The whole system as real processes, faults injected one after another, every message accounted for."""
