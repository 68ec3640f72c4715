"""Made-up slices with their outlines, in the files that the report reads."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from example_cases import Case
from segtrt.config.settings import Report
from segtrt.quality.outlines import outline
from segtrt.quality.scores import Scores, View
from segtrt.summary.overlay_index import FORMAT
from segtrt.summary.overlays import webp
from segtrt.summary.view_choice import Key, choose_views, key_text


def _blob(rng: np.random.Generator, grow: float) -> np.ndarray:
    """A lesion as a mask, (256, 256) bool: a circle with a wavy edge."""
    y, x = np.mgrid[:256, :256]
    row, column, radius = rng.uniform(80, 170, 3) * (1, 1, 0.16)
    angle = np.arctan2(y - row, x - column)
    wave = 1 + 0.18 * np.sin(3 * angle + row) + 0.08 * np.sin(7 * angle + column)
    return np.asarray(np.hypot(y - row, x - column) < radius * wave * grow)


def _brain(rng: np.random.Generator, lesion: np.ndarray) -> np.ndarray:
    """A picture that may pass for a slice at a glance, (256, 256) float32."""
    y, x = np.mgrid[:256, :256].astype(np.float32)
    inside = np.hypot((y - 128) / 105, (x - 128) / 82)
    noise = rng.normal(0, 1, (256, 256))
    smooth = np.real(
        np.fft.ifft2(
            np.fft.fft2(noise)
            * np.exp(-((np.fft.fftfreq(256)[:, None] ** 2 + np.fft.fftfreq(256) ** 2) * 600))
        )
    )
    tissue = 0.45 + 0.12 * np.sign(smooth) * (inside < 0.9) + 0.35 * lesion
    ventricle = np.hypot((y - 120) / 26, (np.abs(x - 128) - 12) / 7) < 1
    tissue = np.where(ventricle, 0.12, tissue)
    tissue = np.where(inside > 0.95, 0.75, tissue) * (inside < 1)
    return (tissue + rng.normal(0, 0.02, (256, 256))).astype(np.float32)


def write_pictures(
    folder: Path,
    case: Case,
    summary: dict[str, Any],
    scored: dict[str, Scores],
    report: Report,
    *,
    rng: np.random.Generator,
) -> None:
    """Write the pictures' folder of a made-up run."""
    folder.mkdir(parents=True, exist_ok=True)
    choice = summary["recommendation"]
    shown = choice["engine"] or choice["closest"]
    telling: dict[str, list[Key]] = {
        entry["subject"]: [
            (entry["subject"], entry["subject"], number)
            if case.volumes
            else (entry["subject"], str(number), None)
            for number in range(entry["slices"] // 4, entry["slices"] * 3 // 4)
        ]
        for entry in summary["reference"]["subjects"]
    }
    wanted: dict[Key, None] = {}
    engines = {}
    for name in sorted(scored, key=lambda one: one != shown):
        figures = scored[name].figures
        assert figures is not None
        own = tuple(
            View(
                *key,
                flipped_pixels=int(entry.flipped_pixels / (1 + abs(place - 4))),
                foreground_pixels=0,
                outlines={},
            )
            for entry in figures.subjects
            for place, key in enumerate(telling[entry.subject])
        )
        engines[name] = choose_views(
            replace(figures, views=own),
            telling,
            report.overlay_subjects,
            report.overlay_slices,
            wanted,
            higher_is_better=summary["metric"]["higher_is_better"],
        )
    views = {}
    labels = [str(label) for label in range(1, len(case.classes) + 1)]
    for place, (subject, item, plane) in enumerate(wanted):
        key = key_text((subject, item, plane))
        state = rng.bit_generator.state
        blobs = [_blob(rng, 1.0) for _ in labels]
        rng.bit_generator.state = state
        predicted = {label: outline(_blob(rng, 1.06)) for label in labels}
        (folder / f"{place:04d}.webp").write_bytes(webp(_brain(rng, np.logical_or.reduce(blobs))))
        views[key] = {
            "subject": subject,
            "item": item,
            "plane": plane,
            "split": "evaluation",
            "image": f"{place:04d}.webp",
            "width": 512,
            "height": 512,
            "truth": {label: outline(blob) for label, blob in zip(labels, blobs, strict=True)}
            if case.has_truth
            else None,
            "reference": predicted,
        }
        rng.bit_generator.state = state
        shifted = {label: outline(_blob(rng, 0.94)) for label in labels}
        rng.random(100)
        for chosen in engines.values():
            if key in chosen["outlines"]:
                chosen["outlines"][key] = shifted
    index = {
        "format": FORMAT,
        "views": views,
        "engines": engines,
        "classes": list(case.classes),
        "channel": 1,
        "dropped": 0,
    }
    (folder / "index.json").write_text(json.dumps(index), encoding="utf-8")
