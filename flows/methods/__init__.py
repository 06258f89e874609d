"""One file a method; each reads as one round, one stage a line."""
