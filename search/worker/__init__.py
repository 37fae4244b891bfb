"""One training wherever it runs: what is sent to it, its checkpoints, its seeds, its faults, what comes back."""
