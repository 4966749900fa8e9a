"""The routes of the API, one module a concept.

Every router carries its whole prefix, so that the path of a route is its template wherever one asks for it.
"""

API_PREFIX = "/api/v1"
