"""What idle connections cost in memory, and whether many requests leave memory flat."""
