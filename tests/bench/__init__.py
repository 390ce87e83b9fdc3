"""Measurements of the running mesh: one JSON line per figure on stdout, notes on stderr."""
