"""I/O: network, clock, memory, and the two drivers that answer the steps of a flow."""
