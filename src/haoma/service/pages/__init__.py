"""HTML pages and the OpenAPI document."""
