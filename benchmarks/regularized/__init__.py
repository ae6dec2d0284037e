"""How the landscape changes with weight decay."""
