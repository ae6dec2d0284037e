"""How long an atlas takes, and how many of its minima multi-starts find in that time."""
