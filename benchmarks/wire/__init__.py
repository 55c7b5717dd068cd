"""What one connection costs in user-space instructions, counted by callgrind."""
