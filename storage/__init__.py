"""TimescaleDB through psycopg 3: pool, migrations and every line of SQL.

Functions take a connection; the caller owns the transaction.
"""
