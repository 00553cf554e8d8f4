"""How Sphinx builds these pages: `tox -e docs`."""

project = "dense-conformance"
author = copyright = "The dense-conformance maintainers"
extensions = ["myst_parser"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "dense-conformance"
exclude_patterns = ["examples", "findings"]
nitpicky = True
