"""Whatever loads Keras: the analysis and training workers, and commands that do the same.

Never imported by the web process.
"""
