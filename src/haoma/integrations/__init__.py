"""haoma inside a web framework: a module for each, and what they have in common in `haoma.integrations.common`."""
