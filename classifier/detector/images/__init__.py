"""From bytes to pixels, and what can be said of them without a network."""
