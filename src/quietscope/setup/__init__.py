"""What a run settles before training: method, noise models, point spread functions."""
