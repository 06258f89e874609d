"""The trainers: one small file each, on TRL."""
