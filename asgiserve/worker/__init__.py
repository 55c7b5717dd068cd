"""The worker process: its way in, its server, and its side of the channel to the supervisor."""
