"""The stages, plain functions without Prefect, one module each. flows/methods/ puts them in order."""
