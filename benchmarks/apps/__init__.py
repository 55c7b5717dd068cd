"""The programs that the measured servers run."""
