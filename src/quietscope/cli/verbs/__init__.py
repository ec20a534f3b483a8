"""One file per verb: parse, one call, print."""
