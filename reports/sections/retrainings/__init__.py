"""The retrainings, run by run: every accuracy on the test images, and how each run learned."""
