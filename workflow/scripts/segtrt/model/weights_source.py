"""Weights brought here from a file or a URL, checked, and kept in one canonical form."""

from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from segtrt.addresses import without_secrets
from segtrt.errors import SegtrtError
from segtrt.files import sha256_file
from segtrt.model.download import download, hash_prefix_in_name
from segtrt.model.load import load
from segtrt.model.source import Kind, NetworkSource
from segtrt.model.weight_files import check_suffix, load_state_dict
from segtrt.model.weights import check_state_dict, fit_weights, save_weights


def fetch_weights(
    source: str, target: Path, *, sha256: str | None, network: NetworkSource, base: Path
) -> None:
    """Bring weights here, check them and write them as float32 safetensors.

    Args:
        source: a file, relative to `base` (`~` is the home folder), or an http(s) URL of one; of
            a URL, messages show no user, password or query.
        target: the safetensors file to make; its bytes depend on the weights alone.
        sha256: what the source file must hash to, in digits of either case; None checks a URL's
            file by the digits that its name carries by torch.hub's convention
            (`name-0123abcd.pt`), if it does.
        network: the network that they are of.
        base: folder that a relative `source` starts from.

    Raises:
        SegtrtError: not found, not the expected hash, damaged, or of another network.
    """
    scheme = urlsplit(source).scheme
    if scheme not in ("http", "https"):
        if "://" in source:
            raise SegtrtError(
                f"model.weights {without_secrets(source)} is neither a file nor an http(s) URL; "
                "give one of these"
            )
        path = base / Path(source).expanduser()
        if sha256 is not None and path.is_file():
            _check_hash(path, sha256)
        _convert(path, target, network)
        return

    name = PurePosixPath(unquote(urlsplit(source).path)).name
    shown = without_secrets(source)
    check_suffix(name, shown)
    # A fixed place, so that a later run goes on with a download that was cut off.
    path = target.parent / ".download" / name
    prefix = None if sha256 else hash_prefix_in_name(source)
    try:
        download(source, path, sha256=sha256, sha256_prefix=prefix)
        _convert(path, target, network, f"weights {shown}")
    finally:
        path.unlink(missing_ok=True)
        if path.parent.is_dir() and not any(path.parent.iterdir()):
            path.parent.rmdir()


def _check_hash(path: Path, sha256: str) -> None:
    digest = sha256_file(path)
    if digest != sha256.lower():
        raise SegtrtError(
            f"weights {path} have SHA-256 {digest}, model.sha256 says {sha256}; get the right file "
            "or correct model.sha256"
        )


def _convert(path: Path, target: Path, network: NetworkSource, what: str | None = None) -> None:
    what = what or f"weights {path}"
    if network.kind is Kind.UNET:
        features = network.arguments["init_features"]
        state = check_state_dict(load_state_dict(path, what), features, what)
    else:
        state = fit_weights(path, load(network).state_dict(), what)
    save_weights(state, target, half=False)
