"""The training data: frames, statistics, the stabilised scale, patches, blind spots, training and validation split."""
