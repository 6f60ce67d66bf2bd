"""Audits of a dataset's labels: suspects, balance, near-duplicates, agreement of annotators."""
