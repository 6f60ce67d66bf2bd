"""The console command ``har``. Starts without torch; each verb imports what it needs."""

from har.cli.main import main

__all__ = ["main"]
