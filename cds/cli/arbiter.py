"""gunicorn's first process: it loads content anew, and replaces the workers by ones that have it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from gunicorn.arbiter import Arbiter as GunicornArbiter

from cds.metrics import Share
from cds.web.status import Status


class Reloading(Protocol):
    """An application of gunicorn whose content can be loaded anew."""

    status: Status

    def refresh(self) -> bool:
        """Load the content anew; False when that failed, and what was there before stays."""
        ...

    def changed(self) -> bool:
        """Whether a file of the content changed since it was last loaded."""
        ...


class Arbiter(GunicornArbiter):  # type: ignore[misc]
    """Content is loaded here, in the one process that answers no calls, so that a worker has one content from its first
    call to its last, and no call waits for a load (security.md D3, D5). Workers with the new content are started before
    those with the old one are told to end, which finish what they have begun."""

    app: Reloading

    def handle_hup(self) -> None:
        """SIGHUP: replace the workers, when the content loads."""
        if self.app.refresh():
            super().handle_hup()

    def murder_workers(self) -> None:
        """Each second: end workers that hang, and look whether the content changed."""
        super().murder_workers()
        if self.app.changed():
            self.handle_hup()

    def stop(self, graceful: bool = True) -> None:
        """Say that the service is not ready any more, then stop the workers."""
        self.app.status.stop()
        super().stop(graceful)


def hooks(share: Share) -> dict[str, Callable[..., None]]:
    """The hooks through which each worker gets a slot to count in (cds.metrics)."""

    def pre_fork(arbiter: Any, worker: Any) -> None:
        taken = {other.slot for other in arbiter.WORKERS.values()}
        worker.slot = next(slot for slot in range(1, len(taken) + 2) if slot not in taken)

    def post_fork(_arbiter: Any, worker: Any) -> None:
        share.slot = worker.slot

    def child_exit(_arbiter: Any, worker: Any) -> None:
        share.forget(worker.slot)

    return {"pre_fork": pre_fork, "post_fork": post_fork, "child_exit": child_exit}
