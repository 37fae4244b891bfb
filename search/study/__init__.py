"""The Optuna study: space, sampler and pruner, attempts; its database, written once and never lost."""
