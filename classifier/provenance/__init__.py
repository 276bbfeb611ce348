"""What a file itself says about where it comes from: signatures, declarations, traces. Free of Django and TensorFlow.

`inspection.inspect(data)` returns the evidence, `rules.decide(evidence)` what of it decides a verdict.
"""
