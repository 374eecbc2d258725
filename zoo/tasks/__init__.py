"""What a model can be asked for: one file a task, and what the rest of the zoo needs to know to serve it."""
