"""A method, a noise model and a file format for QuietScope; `pyproject.toml` declares them."""
