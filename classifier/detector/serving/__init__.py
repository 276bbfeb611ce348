"""A trained detector on disk and in memory: from pixels to a verdict, and why."""
