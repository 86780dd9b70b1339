"""Real servers out of wheels or the system: postgres.py, valkey.py; the rest serves these two."""
