"""Worker processes: the supervisor that starts and replaces them, and their own side."""
