from __future__ import annotations

from tests.integration.storage.kept import conn as conn
from tests.integration.storage.kept import kept_database as kept_database
