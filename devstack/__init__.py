"""The one-machine stack: what stands in for the outside when Relais runs on a laptop. Never shipped."""
