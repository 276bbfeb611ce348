"""The detector: Django-free, usable from a notebook. Needs the standard library, numpy, Pillow and Keras.

`networks`, `training` and `serving.heat_map` import Keras; `bundle.load` and `attacks` do when called. Everything else
is safe to use in a web process.
"""
