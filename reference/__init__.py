"""Dense, defined in NumPy: values, gradients, and a certified interval for each of them. Never imports TensorFlow."""
