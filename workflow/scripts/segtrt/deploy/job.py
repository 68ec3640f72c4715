"""One run of predictions: what is asked for, what of it is there already, and doing the rest."""

from collections.abc import Sequence
from pathlib import Path

from segtrt.deploy.images import Found, group_items
from segtrt.deploy.outputs import Extras, Target, check_targets, claim_folder, target_of
from segtrt.deploy.predict import Report, predict
from segtrt.deploy.proven import Proven
from segtrt.engines.load import open_engine
from segtrt.errors import SegtrtError, describe_os_error
from segtrt.plan.removal import sweep_leftovers


class Job:
    """What is asked of an engine."""

    def __init__(self, proven: Proven, found: Found, folder: Path, extras: Extras) -> None:
        """Find out what files there will be.

        Args:
            proven: the engine.
            found: the images.
            folder: of the predictions.
            extras: what is written beside masks.
        """
        self._proven, self._folder = proven, folder
        self.report = Report(faults=list(found.faults))
        self.skipped = 0
        """Images whose files are there already."""
        segmentation = proven.segmentation
        flat = segmentation.network.dimensions == 2 and segmentation.preparation.axis is None
        # The largest component is that of a subject's slices together.
        joined = segmentation.stacks or (flat and segmentation.decoder.largest_component)
        self._groups: list[Sequence[Target]] = []
        for items in group_items(found.items, by_subject=joined):
            try:
                self._groups.append([target_of(item, folder, extras) for item in items])
            except SegtrtError as error:
                self.report.faults.append(str(error))
            except OSError as error:
                self.report.faults.append(describe_os_error(error))

    def prepare(self, *, overwrite: bool) -> None:
        """Take the folder, remove what a killed run left there, and skip what is whole.

        Args:
            overwrite: whether what is there is done again.

        Raises:
            SegtrtError: files would take the place of what they must not.
        """
        targets = [target for group in self._groups for target in group]
        check_targets(targets)
        since = claim_folder(self._folder, self._proven, targets, overwrite)
        sweep_leftovers([self._folder])
        if not overwrite:
            left = [g for g in self._groups if not all(target.is_done(since) for target in g)]
            self.skipped = len(targets) - sum(map(len, left))
            self._groups = left

    def run(self, *, mode: str, threads: int | None) -> None:
        """Do what is left; without anything the engine is not even loaded.

        Args:
            mode, threads: see `open_engine`.

        Raises:
            SegtrtError: the engine cannot be used.
            OSError: a file cannot be written.
        """
        if not self._groups:
            return
        engine, record = self._proven.engine, self._proven.record
        with open_engine(engine, record, threads=threads, mode=mode) as session:
            predict(self._proven, session, self._groups, self._folder, self.report)
