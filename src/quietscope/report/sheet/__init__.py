"""The report of a run as one HTML file that needs nothing else: a record comes in, text goes out.

`run_record.py` says what a run has to tell, `shown_pixels.py` makes pictures of pixels, `page.py` puts the parts
together; all other modules make one part each. Nothing is asked of a network, and all text from outside is escaped.
"""

from quietscope.report.sheet.page import page_of
from quietscope.report.sheet.run_record import RunRecord

__all__ = ["RunRecord", "page_of"]
