"""One training, an epoch at a time: its batches, its devices, its checkpoints and its result."""
