"""Files of microscope vendors, read only: one module for each format, whose library is an optional extra."""
