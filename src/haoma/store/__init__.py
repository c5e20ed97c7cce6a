"""The durable store: answers the steps of `haoma.steps` from a database that any number of processes share."""
