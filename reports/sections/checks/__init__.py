"""What to believe: self-checks of the numbers, and what the page does not show."""
