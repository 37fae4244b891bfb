"""What was run and what the models saw: the command, its settings, versions, data, model files."""
