"""Rules: what the failures of a report say, one file for each kind of defect."""
