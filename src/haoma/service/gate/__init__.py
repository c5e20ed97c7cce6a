"""The processing common to all requests: body, limits, deadlines, refusals, CORS, language."""
