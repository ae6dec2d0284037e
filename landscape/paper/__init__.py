"""The paper, item by item, as running code: `python -m landscape.paper` writes its table."""
