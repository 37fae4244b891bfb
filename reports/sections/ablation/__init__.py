"""Which of the winner's changes mattered: each step from the reference to the winner, trained."""
