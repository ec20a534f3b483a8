"""Networks only: no likelihoods, files or configuration."""
