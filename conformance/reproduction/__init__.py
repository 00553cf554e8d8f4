"""A failing case as one Python file that needs nothing of this package."""
