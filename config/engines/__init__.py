"""PostgreSQL and Valkey that come in wheels: where they live, how they start, stop and recover.

Free of Django: the settings read `locations`, the supervisor and the tests drive the rest.
"""
