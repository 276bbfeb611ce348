"""Figures: metrics, calibration, ridge regression."""
