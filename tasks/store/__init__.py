"""The store: every file of every round, written whole or not at all, and never edited once published."""
