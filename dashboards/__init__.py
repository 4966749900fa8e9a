"""The HTTP API, the live stream and the web front end that operators look at."""
