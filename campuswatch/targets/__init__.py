"""The keeper of the targets: who knows at every moment how each site stands, and says so when that changes."""
