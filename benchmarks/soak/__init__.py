"""Mixed load for an hour: no byte is mixed up, and descriptors and memory end as they began."""
