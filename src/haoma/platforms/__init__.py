"""The platforms, one folder each. ``registry.py`` lists them."""
