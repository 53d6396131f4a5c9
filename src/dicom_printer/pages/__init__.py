"""Document to page images, streamed from warm child processes, a bounded number at a time.

The only importer of the rasterisers: PDFium renders, poppler takes what it refuses.
"""

from dicom_printer.pages.pool import Renderer
from dicom_printer.pages.wire import EncodedPage, How, Page

__all__ = ["EncodedPage", "How", "Page", "Renderer"]
