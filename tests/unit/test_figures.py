from dicom_printer.figures import BUCKETS_S, Figures


def test_a_delivery_is_in_the_bucket_that_holds_it() -> None:
    figures = Figures()
    for seconds in (0.2, 1.0, 1.1, 1e9, -3600.0):
        figures.delivered("P", seconds)
    ((counts, total),) = figures.deliveries().values()
    assert counts[0] == 3, "0.2, 1.0, and one from before the clock was set back"
    assert counts[1] == 1
    assert counts[len(BUCKETS_S)] == 1, "longer than all"
    assert total == 0.2 + 1.0 + 1.1 + 1e9


def test_pages_and_failures_are_counted_by_remote() -> None:
    figures = Figures()
    figures.sent("pacs")
    figures.sent("imager", 4)
    figures.failed("remote refused", "pacs")
    figures.failed("no match", "")
    assert figures.pages == {"pacs": 1, "imager": 4}
    assert figures.failures == {("remote refused", "pacs"): 1, ("no match", ""): 1}
