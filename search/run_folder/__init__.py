"""What a run leaves on disk: its files, the time it took, the machines it ran on."""
