"""Networks trained elsewhere, analysed, beside an optimizer of their raw parameters."""
