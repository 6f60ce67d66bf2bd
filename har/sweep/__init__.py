"""Searches for hyper-parameters from W&B sweep files, on this machine, without a server."""
