"""For the owner or reader of a verdict: its words, reports, lists and links."""
