"""What the platforms share: the contract that each one implements, and code that several of them use."""
