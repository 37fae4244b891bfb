"""A search on a cluster, from one's own computer: its flags, where it runs, which job it is."""
