"""What the platforms have in common: the contract that each keeps, and parts that several use."""
