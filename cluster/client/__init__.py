"""A cluster from one's own computer: start it, run a job on it, fetch a folder of it."""
