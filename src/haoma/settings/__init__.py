"""Settings from ``haoma.toml`` and the environment: the configured apps and the configured service."""
