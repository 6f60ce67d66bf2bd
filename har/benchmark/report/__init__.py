"""The report of a benchmark: one page to read, and tables for other uses."""

from har.benchmark.report.write import write_report

__all__ = ["write_report"]
