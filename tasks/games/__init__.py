"""Games as state machines, and how they are played."""
