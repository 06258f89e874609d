"""Checks on text that a model wrote: answers, votes, equality, novelty, contamination, proposals."""
