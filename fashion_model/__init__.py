"""What is trained: the documented Fashion-MNIST CNN and its parameterized version. No Ray, Optuna or HTML."""
