"""How narrow the brackets of the radii of minima are, and what they cost."""
