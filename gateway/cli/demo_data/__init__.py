"""Synthetic interchanges of the demo: every name and number is invented."""
