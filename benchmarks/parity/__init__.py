"""Comparison of the models with other code that has them: see ``benchmarks/parity_peers.py``."""
