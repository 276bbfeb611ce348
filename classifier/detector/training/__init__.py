"""Fitting a detector."""
