"""Sites and devices: registry, import and export, topics, payload formats, makers' profiles, adoption."""
