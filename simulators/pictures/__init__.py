"""Simulated cameras: a scene over a day with people, weather and light, and every fault at every strength."""
