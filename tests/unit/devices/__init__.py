"""Registry, formats, profiles, import and export."""
