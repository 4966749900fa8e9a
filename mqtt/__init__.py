"""MQTT 3.1.1 as bytes, for whoever speaks it: the lanes and the simulators. Imports nothing of ours."""
