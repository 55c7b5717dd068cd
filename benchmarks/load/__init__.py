"""Real servers side by side under load: CPU time per request or message, how many a second."""
