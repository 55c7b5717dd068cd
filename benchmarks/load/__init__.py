"""Real servers side by side under wrk: CPU time per request, requests per second."""
