"""The doctor for anything captured: a body, an envelope, an event, a reply, a key, a line of a log."""
