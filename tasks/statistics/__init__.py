"""Statistics: how sure a figure is, whether two checkpoints differ, and what a test could have shown."""
