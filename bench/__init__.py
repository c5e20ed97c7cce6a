"""Benchmarks that compare contenders in one run. Only the ratios count, because the machine varies."""
