"""Stand-ins for both ends: a district full of devices, and on the other side police, education, a phone."""
