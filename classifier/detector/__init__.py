"""The detector: Django-free, usable from a notebook. Needs the standard library, numpy, Pillow and Keras.

Only `networks`, `training`, `evaluation.predict` and `bundle.load` import Keras; everything else is safe to import in a
web process.
"""
