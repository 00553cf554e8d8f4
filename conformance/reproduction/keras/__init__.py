"""Scripts for Keras layers: what `conformance.implementations.keras` does, in the lines that a user would write."""
