"""The programming interface, /api/v1/: access → shape → the functions that the pages call → JSON."""
