"""The benchmark: a matrix of methods, tasks and seeds, measured the same way, and its report."""
