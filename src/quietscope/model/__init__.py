"""A trained model: at work on images, in a file, exported, and how honest its uncertainty is."""
