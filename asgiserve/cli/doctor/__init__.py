"""``asgiserve doctor``: what would serve here, what is wrong with it, and what would be better."""
