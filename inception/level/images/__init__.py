"""The images that a level's engine has from its beginning: grafted from a seed into either image store."""
