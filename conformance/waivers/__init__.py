"""Waivers: known failures in a file of TOML, each with one symptom and an end. What fails otherwise is not waived."""
