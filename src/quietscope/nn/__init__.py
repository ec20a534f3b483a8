"""Networks, in two and three dimensions by the same code; without likelihoods, files or configuration."""
