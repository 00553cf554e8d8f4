"""The scoreboard: every implementation that is installed, what it came to, and why it differs where it does."""
