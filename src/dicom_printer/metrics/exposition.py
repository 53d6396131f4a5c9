"""The figures in Prometheus's form: asked of the job table when somebody scrapes."""

from __future__ import annotations

import logging
import platform
import threading
import time
from collections.abc import Callable, Iterator

import sqlalchemy as sa
from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from dicom_printer import __version__
from dicom_printer.errors import SpoolError
from dicom_printer.figures import BUCKETS_S
from dicom_printer.jobs import look
from dicom_printer.jobs.remotes import used_slots
from dicom_printer.metrics.watched import Watched

logger = logging.getLogger(__name__)

_KEPT_S = 2.0  # however often somebody scrapes, the table is asked no more often
_STATES = [state for state in look.STATES if state != "incoming"]


def serve(watched: Watched, address: tuple[str, int]) -> Callable[[], None]:
    """Answer scrapes on `address` until what is returned is called."""
    registry = CollectorRegistry()
    registry.register(Figures(watched))
    ProcessCollector(registry=registry)
    host, port = address
    server, thread = start_http_server(port, host, registry)
    shown = f"[{host}]" if ":" in host else host
    logger.info("metrics at http://%s:%d/metrics", shown, server.server_port)

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return stop


class Figures(Collector):
    """Everything that is known of a service, as metric families; kept for a moment."""

    def __init__(self, watched: Watched) -> None:
        self._of = watched
        self._lock = threading.Lock()
        self._kept: list[Metric] = []
        self._kept_until = 0.0

    def describe(self) -> list[Metric]:
        """Return nothing: what there is says `collect`, and registering must ask no table."""
        return []

    def collect(self) -> list[Metric]:
        """Return the families; the table is asked anew every two seconds at most."""
        with self._lock:
            if time.monotonic() >= self._kept_until:
                self._kept = self._all()
                self._kept_until = time.monotonic() + _KEPT_S
            return self._kept

    def _all(self) -> list[Metric]:
        found = [*self._build(), *self._process()]
        readable = 1.0
        try:
            found += [*self._jobs(), *self._remotes(), *self._spool()]
        except (sa.exc.SQLAlchemyError, SpoolError) as error:
            # The scrape must say so, not fail: an alert on it needs a sample.
            said = error.message if isinstance(error, SpoolError) else type(error).__name__
            logger.warning("metrics: the job table or the spool cannot be read: %s", said)
            readable = 0.0
        return [*found, _gauge("job_table_up", "Whether table and spool can be read.", readable)]

    def _build(self) -> Iterator[Metric]:
        labels = {"version": __version__, "python": platform.python_version()}
        family = GaugeMetricFamily(
            "dicom_printer_build_info", "Which version runs; always 1.", labels=list(labels)
        )
        family.add_metric(list(labels.values()), 1)
        yield family

    def _process(self) -> Iterator[Metric]:
        figures, config = self._of.store.figures, self._of.config
        pages = CounterMetricFamily(
            "dicom_printer_pages_sent", "Pages that a remote has acknowledged.", labels=["remote"]
        )
        for name in sorted({*config.remote, *figures.pages}):
            pages.add_metric([name], figures.pages[name])
        yield pages
        failures = CounterMetricFamily(
            "dicom_printer_step_failures", "Steps that failed.", labels=["reason", "remote"]
        )
        for key, count in sorted(dict(figures.failures).items()):
            failures.add_metric(key, count)
        yield failures
        yield self._deliveries()
        ended = self._of.renderer.ended
        yield CounterMetricFamily(
            "dicom_printer_render_worker_ends",
            "Render workers that ended before they were to; each is replaced.",
            ended,
        )
        troubles = len(self._of.troubles())
        yield _gauge("troubles", "What keeps jobs from coming in or going out.", troubles)

    def _deliveries(self) -> Metric:
        family = HistogramMetricFamily(
            "dicom_printer_delivery_seconds",
            "From when a document was printed until its job was done.",
            labels=["printer"],
        )
        limits = [*(str(float(limit)) for limit in BUCKETS_S), "+Inf"]
        for name, (counts, total) in sorted(self._of.store.figures.deliveries().items()):
            below = [sum(counts[: i + 1]) for i in range(len(counts))]
            family.add_metric([name], list(zip(limits, below, strict=True)), total)
        return family

    def _jobs(self) -> Iterator[Metric]:
        labels = ["printer", "state"]
        jobs = GaugeMetricFamily("dicom_printer_jobs", "Jobs in the table.", labels=labels)
        oldest = GaugeMetricFamily(
            "dicom_printer_oldest_job_age_seconds",
            "How long ago the oldest job of a state was printed.",
            labels=labels,
        )
        now = self._of.store.clock()
        counts = {(r["printer"], r["state"]): r for r in look.counts(self._of.store)}
        # A printer of no configuration is what a ticket says: anybody's text, and no label.
        other = sum(r["jobs"] for (p, _), r in counts.items() if p not in self._of.config.printer)
        for printer in sorted(self._of.config.printer):
            for state in _STATES:
                row = counts.get((printer, state))
                jobs.add_metric([printer, state], row["jobs"] if row else 0)
                if row and state in look.WAITING:
                    oldest.add_metric([printer, state], max(now - row["oldest"], 0.0))
        yield from (jobs, oldest)
        yield _gauge("jobs_of_unknown_printers", "Jobs whose printer is not configured.", other)

    def _remotes(self) -> Iterator[Metric]:
        store = self._of.store
        up, since, waiting, used, limit = (
            GaugeMetricFamily(f"dicom_printer_remote_{name}", text, labels=["remote"])
            for name, text in (
                ("up", "Whether it answered when it was last asked; absent before that."),
                ("since_timestamp_seconds", "Since when it is up or down."),
                ("waiting_jobs", "Jobs that wait for it."),
                ("associations", "Associations in use."),
                ("associations_limit", "How many it is given at most."),
            )
        )
        seen = look.remotes(store)
        with store.reading() as c:
            slots = used_slots(c)
        for name in sorted(self._of.config.remote):
            known = seen.get(name, {})
            if known.get("up") is not None:
                up.add_metric([name], float(known["up"]))
                since.add_metric([name], known["since"])
            waiting.add_metric([name], known.get("waiting", 0))
            used.add_metric([name], len(slots.get(name, ())))
            limit.add_metric([name], store.limits.get(name, 1))
        yield from (up, since, waiting, used, limit)

    def _spool(self) -> Iterator[Metric]:
        spool = self._of.spool
        yield _gauge("spool_free_bytes", "Free on the spool's file system.", spool.free())
        incoming = len(spool.incoming())
        yield _gauge("spool_incoming", "Documents that are not taken up yet.", incoming)
        rejected = len(spool.rejected())
        yield _gauge("spool_rejected", "Documents that broke the contract.", rejected)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"dicom_printer_{name}", text, value=value)
