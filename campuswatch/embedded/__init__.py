"""The broker and the database that `campuswatch demo` runs on when none is named.

Both are child processes of the program that starts them, reachable from this machine alone, and end with it.
They have one shape (`EmbeddedServer`), so that a supervisor can start, watch and stop them alike.
"""

from campuswatch.embedded.broker import EmbeddedBroker
from campuswatch.embedded.postgres import EmbeddedPostgres
from campuswatch.embedded.server import EmbeddedServer

__all__ = ["EmbeddedBroker", "EmbeddedPostgres", "EmbeddedServer"]
