"""How the best configuration is found: space, trials, study, retraining, and the command that runs them."""
