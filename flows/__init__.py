"""Prefect flows over the stages, and the `selfplay` command."""
