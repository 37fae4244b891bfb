"""The stages of a run in their order: data, search, finalists, ablation, retrain; and the session that runs them."""
