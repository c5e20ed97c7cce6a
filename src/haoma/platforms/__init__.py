"""The platforms, a folder each; ``registry.py`` lists them."""
