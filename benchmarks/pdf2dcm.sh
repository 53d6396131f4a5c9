#!/bin/sh
# The package pdf2dcm of PyPI as its README has it, then DCMTK's dcmsend.
#
#   pdf2dcm.sh DOCUMENT DPI PORT PYTHON
set -eu

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$1" "$work/document.pdf"
"$4" -c 'import sys; from pdf2dcm import Pdf2RgbSC; Pdf2RgbSC(dpi=int(sys.argv[1])).run(sys.argv[2])' \
    "$2" "$work/document.pdf"
# Every page it writes has the same media storage SOP instance; dcmsend goes by the data sets.
dcmsend -q -nuc 127.0.0.1 "$3" "$work"/document_*.dcm
