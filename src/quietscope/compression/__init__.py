"""Smaller and faster models that lose no more than they are allowed to."""
