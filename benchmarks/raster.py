"""Render every second page of a document and let go of it; a JSON line each way."""

import json
import sys
import time

import pypdfium2


def main() -> None:
    """Answer each line with when the first page was there, until there are no more."""
    for line in sys.stdin:
        request = json.loads(line)
        first = 0.0
        document = pypdfium2.PdfDocument(request["path"])
        document.init_forms()
        for number in range(request["first"], len(document), 2):
            page = document[number]
            page.render(scale=request["dpi"] / 72, may_draw_forms=True, rev_byteorder=True)
            page.close()
            first = first or time.monotonic()
        document.close()
        print(json.dumps({"first": first or time.monotonic()}), flush=True)


if __name__ == "__main__":
    main()
