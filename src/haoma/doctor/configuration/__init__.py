"""The doctor for a ``haoma.toml``, and for what the platforms say to its apps."""
