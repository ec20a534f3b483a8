"""Models and noise models in files."""
