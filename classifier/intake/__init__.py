"""For somebody who sends pictures in: checks, storing, near-duplicates, retention."""
