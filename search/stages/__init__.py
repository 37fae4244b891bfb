"""What follows the trials: the finalists, and the retraining of reference and best configuration."""
