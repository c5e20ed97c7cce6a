"""WeChat's third-party platform: pushes, tickets, grants and the tokens of the component."""
