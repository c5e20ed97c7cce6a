"""The doctor for captures: a body, an envelope, an event, a reply, a key, a log line."""
