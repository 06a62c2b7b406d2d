"""What stands behind `make up`: one small process that starts, watches, restarts and ends all the others.

Free of Django, so that it stays small and starts at once.
"""
