"""The report's pictures as files: what is in their folder, and its reader.

`index.json` in the folder, format `segtrt-overlays-1`:
- `slices`: key -> `subject`, `number`, `split`, `image` (file in the folder), `truth`, `reference`
  (outlines: SVG path data, 512 units wide and high, `segtrt.quality.outlines`);
- `engines`: name -> `subjects` (`subject`, `role` best, median, worst or more, `dice`,
  `reference_dice`, `slices`: keys in slice order), `differs` (`slice`: key, `flipped_pixels`) and
  `outlines` (key -> the engine's outline).
"""

from pathlib import Path
from typing import Any

from segtrt.errors import SegtrtError
from segtrt.formats import read_object, unreadable

FORMAT = "segtrt-overlays-1"
INDEX = "index.json"


def read_overlays(folder: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The index of the pictures, and the content of each picture by its slice's key.

    Raises:
        SegtrtError: the folder is missing a file or is of another format.
    """
    remedy = f"delete {folder} and run the workflow again"
    index = read_object(folder / INDEX, what="index of pictures", tag=FORMAT, remedy=remedy)
    try:
        pictures = {key: folder / entry["image"] for key, entry in index["slices"].items()}
        return index, {key: path.read_bytes() for key, path in pictures.items()}
    except FileNotFoundError as error:
        raise SegtrtError(f"picture {error.filename} does not exist; {remedy}") from None
    except (AttributeError, KeyError, TypeError) as error:
        raise unreadable(folder / INDEX, "index of pictures", error, remedy) from None
