"""Looking after a log: its size, damage, deletions, retention."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mirante.errors import InputError
from mirante.inference_log.archive.index import Archive
from mirante.inference_log.archive.moving import Moved, move_segments, segments_due
from mirante.inference_log.deletion import Deletion, Forget, carry_out_pending, delete_rows
from mirante.inference_log.drops import Drops, read_drops
from mirante.inference_log.names import quote_name
from mirante.inference_log.places import Places, version_folders
from mirante.inference_log.repair import Repair, repair
from mirante.inference_log.requests import read_journal
from mirante.inference_log.retention import Retained, retain_log
from mirante.inference_log.stat import LogStat, stat_log, verify_log
from mirante.inference_log.tallies import Tally, read_tallies, read_tally

__all__ = ["Upkeep"]


def _nothing(_model: str, _ids: Sequence[str]) -> Mapping[str, int]:
    return {}


class Upkeep:
    """What a log needs beside being read.

    Parameters
    ----------
    root : path
        The folder that recorders were given. It may not be there yet.
    archive : str or Archive, optional
        Where its sealed segments are moved to.
    """

    def __init__(self, root: str | Path, archive: str | Archive | None = None) -> None:
        self.root = Path(root)
        self.archive = Archive(archive, root) if isinstance(archive, str) else archive
        self._places = Places(self.root, self.archive)

    @property
    def archive_trouble(self) -> str:
        """Why the archive could not be asked the last time; empty when it could, or there is none."""
        return "" if self.archive is None else self.archive.trouble

    def _folders(self, models: Sequence[str] | None = None) -> Iterator[tuple[str, str, Path]]:
        return version_folders(self.root, models, self.archive)

    def tally(self, model: str, version: str, since: datetime) -> Tally:
        """Return the errors and broken signatures that serving processes counted, of those that did lately.

        Parameters
        ----------
        model, version : str
            What they serve.
        since : datetime
            Processes that counted none since then are left out; with a time zone.

        Examples
        --------
        >>> from datetime import UTC
        >>> Upkeep("not/there").tally("churn", "1", datetime(2013, 2, 8, tzinfo=UTC))
        Tally(errors={}, violations={})
        """
        return read_tally(self.root / quote_name(model) / quote_name(version), since)

    def tallies(self, model: str, version: str) -> dict[str, Tally]:
        """Return what each serving process has counted since it began, by its letters and digits.

        Parameters
        ----------
        model, version : str
            What they serve.

        Examples
        --------
        >>> Upkeep("not/there").tallies("churn", "1")
        {}
        """
        return read_tallies(self.root / quote_name(model) / quote_name(version))

    def repair(self, models: Sequence[str] | None = None) -> Repair:
        """Cut the unfinished tails of dead recorders and seal what they left. Living ones are left alone.

        Parameters
        ----------
        models : sequence of str, optional
            Only these.

        Returns
        -------
        Repair
            What was done, summed over all models.
        """
        done = Repair()
        for _, _, folder in self._folders(models):
            done.add(repair(folder))
        return done

    def dropped(self, model: str, since: datetime) -> Drops:
        """Return the rows that recorders could not bring here, of those recorders that lost any lately.

        Parameters
        ----------
        model : str
            The name that the recorder was given.
        since : datetime
            Recorders that dropped none since then are left out; with a time zone.

        Examples
        --------
        >>> from datetime import UTC
        >>> Upkeep("not/there").dropped("churn", datetime(2013, 2, 8, tzinfo=UTC))
        Drops(rows=0, reason='')
        """
        return read_drops(self.root / quote_name(model), since)

    def stat(self, models: Sequence[str] | None = None) -> list[LogStat]:
        """Return rows, bytes, times and segments of each model and version, by name.

        Parameters
        ----------
        models : sequence of str, optional
            Only these.

        Examples
        --------
        >>> Upkeep("not/there").stat()
        []
        """
        return stat_log(self.root, self._places, models)

    def verify(self, models: Sequence[str] | None = None) -> list[str]:
        """Read every byte, and return what is not as it was written: a sentence each, by file and batch.

        Parameters
        ----------
        models : sequence of str, optional
            Only these.
        """
        return verify_log(self.root, self._places, models)

    def delete(
        self,
        values: Collection[str],
        *,
        column: str = "__id",
        models: Sequence[str] | None = None,
        by: str,
        forget: Forget = _nothing,
        digests: Callable[[str], Iterable[str]] = lambda _: (),
        wait: float = 10.0,
    ) -> Deletion:
        """Delete rows for good, from sealed segments and from those that recorders write.

        Each file is rewritten beside and renamed, so that a kill at any moment leaves whole files; what was
        begun is gone on with by the next call, or by `carry_out`. The other rows keep their numbers: no
        reader's cursor gets wrong. `deletions` has a line for each request.

        Parameters
        ----------
        values : collection of str
            Ids, or values of `column`, as text; 7 finds 7 and 7.0.
        column : str, default "__id"
            What rows are found by.
        models : sequence of str, optional
            Only rows of these.
        by : str
            Who deletes, for the journal.
        forget : callable, optional
            Called with a model and ids before their rows go, to delete what is kept of them elsewhere;
            returns counts by kind. May be called more than once with the same ids.
        digests : callable, optional
            Gives what a value may have been recorded as: its hashes (`Privacy.digest`).
        wait : float, default 10.0
            Seconds to wait until recorders have sealed segments that hold such rows.

        Returns
        -------
        Deletion
            What is gone, and what waits.

        Raises
        ------
        InputError
            If there is no log, or no value.
        ConflictError
            If another deletion is at work.
        """
        return delete_rows(
            self.root,
            column,
            values,
            models=models,
            by=by,
            forget=forget,
            digests=digests,
            wait=wait,
            now=datetime.now(UTC),
            archive=self.archive,
        )

    def carry_out(self, forget: Forget = _nothing) -> list[Deletion]:
        """Go on with deletions that were cut short, or that waited for a recorder.

        Parameters
        ----------
        forget : callable, optional
            As for `delete`.

        Returns
        -------
        list of Deletion
            One for each; empty when there are none.
        """
        return carry_out_pending(self.root, forget, self.archive) if self.root.is_dir() else []

    def deletions(self) -> list[dict[str, Any]]:
        """Return the journal: what was deleted so far, when and by whom, oldest first.

        The values that rows were found by are not in it, only their HMAC with the log's own key.
        """
        return read_journal(self.root)

    def retain(
        self, model: str, now: datetime, *, older_than: timedelta | None = None, max_bytes: int | None = None
    ) -> Retained:
        """Remove sealed segments of a model that are too old or too many, the oldest first.

        A segment is as old as its latest row, or as its beginning where that is later. Segments that a
        recorder writes stay.

        Parameters
        ----------
        model : str
            The name that the recorder was given.
        now : datetime
            The present.
        older_than : timedelta, optional
            How long rows are kept.
        max_bytes : int, optional
            Size of all files of the model, down to which segments are removed.

        Returns
        -------
        Retained
            What is gone, and what is left.
        """
        return retain_log(
            self.root, model, older_than=older_than, max_bytes=max_bytes, now=now, archive=self.archive
        )

    def move(
        self,
        model: str,
        now: datetime,
        *,
        older_than: timedelta = timedelta(hours=1),
        patience: float = 240.0,
    ) -> Moved:
        """Move sealed segments of a model to the archive, the oldest first. Readers notice nothing.

        Each is uploaded, read back and compared, written down, and only then removed here. A kill at any
        moment leaves it here, there or in both places, which is one segment all the same.

        Parameters
        ----------
        model : str
            The name that the recorder was given.
        now : datetime
            The present.
        older_than : timedelta, default one hour
            How long rows stay here, from when they were recorded.
        patience : float, default 240.0
            Seconds after which it stops; the next call goes on.

        Returns
        -------
        Moved
            What went, and what waits.

        Raises
        ------
        InputError
            If the log has no archive.
        ArchiveError
            If the archive belongs to another log, cannot be reached, or does not take a segment. What was
            not moved stays here.
        ConflictError
            If rows are being deleted.
        """
        if self.archive is None:
            raise InputError("the log has no archive; give InferenceLog the URL of one")
        return move_segments(self.archive, model, now - older_than, patience=patience)

    def unmoved(self, model: str, now: datetime, *, older_than: timedelta = timedelta(hours=1)) -> int:
        """Return how many segments `move` would move now.

        Parameters
        ----------
        model, now, older_than
            As for `move`.

        Examples
        --------
        >>> from datetime import UTC
        >>> Upkeep("not/there").unmoved("churn", datetime(2013, 2, 8, tzinfo=UTC))
        0
        """
        return len(segments_due(self.root, model, now - older_than))
