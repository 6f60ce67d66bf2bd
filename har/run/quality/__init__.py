"""Measures of camera conditions in experiments, and the report of a dataset."""
