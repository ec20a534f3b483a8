"""Statistics, patches, augmentation and splits of the training images."""
