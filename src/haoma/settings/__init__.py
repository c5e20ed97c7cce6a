"""Settings: what ``haoma.toml`` and the environment say, as configured apps and a configured service."""
