"""Which point is tried next, and which trials are stopped early: Optuna, fed from memory."""
