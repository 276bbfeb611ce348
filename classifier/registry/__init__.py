"""Which detectors there are and which is active."""
