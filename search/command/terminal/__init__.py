"""What a search shows while it runs: the progress line, the time left, log.txt."""
