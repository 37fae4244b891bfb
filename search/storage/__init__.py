"""The study's rows, in SQLite or PostgreSQL: written once, never lost, by one driver at a time."""
