"""The likely defects behind the failures of a report."""
