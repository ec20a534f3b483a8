"""Training of a method: budget, schedule, checkpoints, and the guard against posterior collapse."""
