"""One file per goal of speed or size; each prints both sides and the ratio, and keeps a dated result."""
