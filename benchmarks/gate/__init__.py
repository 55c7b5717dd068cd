"""What no release may make dearer: a candidate's figures beside a baseline's."""
