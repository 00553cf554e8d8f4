"""Keras layers: the oracle, and any class with Dense's constructor. The only place that imports TensorFlow."""
