"""Published claims about the landscapes of shallow ReLU networks, tried on data.

`registry` says what a claim and its row are; each other module tries one family of claims, with one
function ``rows(effort)`` that computes them; `page` writes the table and the page. The command is
``landscape claims``.
"""
