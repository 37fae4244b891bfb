"""The settings of both models, and which settings went with better trials."""
