"""What a round will take, before it is played: tokens, FLOPs, memory, storage, time. Nothing of it decides a row."""
