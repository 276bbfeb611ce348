"""What a detector is worth, and what a dataset gives away."""
