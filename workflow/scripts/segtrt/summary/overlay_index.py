"""The report's pictures as files: what is in their folder, and its reader.

`index.json` in the folder, format `segtrt-overlays-2`:
- `views`: key -> `subject`, `item`, `plane` (null of a 2-D item), `split`, `image` (file in the
  folder), `width` and `height` (of the outlines' units, half a pixel), `truth` (null without ground
  truth) and `reference` (label -> outline: SVG path data, `segtrt.quality.outlines`);
- `engines`: name -> `subjects` (`subject`, `role` best, median, worst or more, `figure`,
  `reference_figure`, `agreement`, `views`: keys in order), `differs` (`view`: key,
  `flipped_pixels`) and `outlines` (key -> label -> the engine's outline);
- `classes`: names of labels 1, 2, ...;
- `channel`: which one the pictures show, counted from 0;
- `dropped`: pictures that were chosen, but left out to keep the report small.
"""

from pathlib import Path
from typing import Any

from segtrt.errors import SegtrtError
from segtrt.formats import read_object, unreadable

FORMAT = "segtrt-overlays-2"
INDEX = "index.json"


def read_overlays(folder: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The index of the pictures, and the content of each picture by its view's key.

    Raises:
        SegtrtError: the folder is missing a file or is of another format.
    """
    remedy = f"delete {folder} and run the workflow again"
    index = read_object(folder / INDEX, what="index of pictures", tag=FORMAT, remedy=remedy)
    try:
        pictures = {key: folder / entry["image"] for key, entry in index["views"].items()}
        return index, {key: path.read_bytes() for key, path in pictures.items()}
    except FileNotFoundError as error:
        raise SegtrtError(f"picture {error.filename} does not exist; {remedy}") from None
    except (AttributeError, KeyError, TypeError) as error:
        raise unreadable(folder / INDEX, "index of pictures", error, remedy) from None
