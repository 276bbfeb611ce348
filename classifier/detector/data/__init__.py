"""Labelled collections and dataset manifests."""
