"""Point spread functions: how a microscope blurs a point; made from a formula, from optics, or from beads."""
