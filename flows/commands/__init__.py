"""The commands, one file a topic: plain functions, which flows/cli.py hands to typer."""
