"""What the reading commands print: a function a topic, which gives lines of text."""
