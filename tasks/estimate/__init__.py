"""What a round will take, before it is played: tokens, storage, time. Nothing of it decides a row."""
