"""What the RFCs and the ASGI specification ask for, tried on whole connections."""
