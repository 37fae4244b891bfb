"""Where it runs: the files that make a cluster, what a trial may take of it, and connecting to it."""
