"""The trials: how they ended, the best so far, the finalists; of a finished search, and of one under way."""
