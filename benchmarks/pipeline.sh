#!/bin/sh
# What people glue together: a document to a store, with poppler and DCMTK.
#
#   pipeline.sh DOCUMENT DPI PORT AT_ONCE [OPTION-OF-DCMSEND...]
#
# With AT_ONCE 2, two pdftoppm render half of the pages each, and two img2dcm convert.
set -eu

document=$1 dpi=$2 port=$3 at_once=$4
shift 4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

pages=$(pdfinfo "$document" | sed -n 's/^Pages: *//p')
half=$(((pages + at_once - 1) / at_once))

# pages FIRST LAST: render and convert them; all of one series, whose UIDs come from $work/first.dcm
pages() {
    pdftoppm -jpeg -jpegopt quality=90 -r "$dpi" -f "$1" -l "$2" "$document" "$work/page"
    for page in $(seq -w "$1" "$pages" | head -n $(($2 - $1 + 1))); do
        img2dcm -q -i JPEG --series-from "$work/first.dcm" -k InstanceNumber="$page" \
            "$work/page-$page.jpg" "$work/page-$page.dcm"
    done
}

echo "(0008,0005) CS [ISO_IR 100]
(0010,0010) PN [Bench^Mark]
(0010,0020) LO [1]
(0020,000d) UI [2.25.$(od -An -N7 -tu8 /dev/urandom | tr -d ' ')]
(0020,000e) UI [2.25.$(od -An -N7 -tu8 /dev/urandom | tr -d ' ')]" >"$work/first.dump"
dump2dcm -q "$work/first.dump" "$work/first.dcm"

first=1
while [ "$first" -le "$pages" ]; do
    last=$((first + half - 1))
    [ "$last" -le "$pages" ] || last=$pages
    pages "$first" "$last" &
    first=$((last + 1))
done
wait
dcmsend -q "$@" 127.0.0.1 "$port" "$work"/page-*.dcm
