"""A direct denoiser that learns the mean or median of another model's samples."""
