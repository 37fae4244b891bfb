"""The first screen: the verdict of a finished search, or what a search under way has found so far."""
