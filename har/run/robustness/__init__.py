"""The robustness benchmark."""
