"""The report of a study: one HTML file that needs nothing else, and a short one for print.

- :mod:`landscape.report.contents`: what both forms say, and their figures in order;
- :mod:`landscape.report.html`: the page, from tables, figures and captions;
- :mod:`landscape.report.printed`: a page or two as PDF.

Both say only what the tables hold, through :mod:`landscape.tables.findings`; the same study gives
the same bytes.
"""

from landscape.errors import require_extra

require_extra("study", "jinja2", "matplotlib", "pandas", "plotly")

from landscape.report.contents import FIGURE_TITLES
from landscape.report.html import report_page
from landscape.report.printed import printed_summary

__all__ = ["FIGURE_TITLES", "printed_summary", "report_page"]
