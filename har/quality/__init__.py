"""Camera conditions: measures of clips, filters by them, and corruptions."""
