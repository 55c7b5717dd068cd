"""The command ``asgiserve bench``: one application under load, and where its time goes."""
