"""A run: its options, from data to a finished folder, what watches it, and its checkpoints."""
