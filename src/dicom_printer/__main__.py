"""``python -m dicom_printer`` is the command ``dicom-printer``."""

import sys

from dicom_printer.cli import main

if __name__ == "__main__":
    sys.exit(main())
