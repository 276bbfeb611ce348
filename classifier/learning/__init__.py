"""For whoever makes a better detector: dataset versions, training runs, comparison, the gate, drift. Without Keras."""
