"""One file per function: events are translated here, nothing is decided."""
