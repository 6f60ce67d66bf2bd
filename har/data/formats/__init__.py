"""Parsers of raw file formats, shared by the adapters."""
