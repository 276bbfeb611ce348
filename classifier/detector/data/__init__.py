"""Dataset manifests."""
