"""Registry, import and adoption on a real database."""
