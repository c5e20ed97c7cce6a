"""WeChat's third-party platform: pushes, tickets, grants and the component's tokens."""
