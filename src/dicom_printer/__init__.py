"""A virtual printer that puts what is printed into the PACS."""

__version__ = "0.1.0"
