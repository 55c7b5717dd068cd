"""What a process is to its system: signals, identity, title, files, exit."""
