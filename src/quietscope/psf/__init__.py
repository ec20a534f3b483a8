"""Point spread functions (PSFs), the image that a microscope makes of a point: Gaussian, from optics, or from beads."""
