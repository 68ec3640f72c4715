"""What a scanner makes of a head: pre-contrast T1, FLAIR and post-contrast T1, in grey levels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phantom.anatomy import Head, Lesion
from phantom.fields import Array, Grid, random_field, smoothstep

BONE, AIR = 9.0, 3.0


@dataclass(frozen=True)
class Layers:
    """Shares (0 to 1) of what lies around the brain; each (slices, rows, columns)."""

    fat: Array
    muscle: Array
    bone: Array
    fluid: Array
    eye: Array
    brain: Array
    mucosa: Array


def _blend(low: Array, high: Array, share: Array) -> Array:
    mixed: Array = low + (high - low) * share
    return mixed


def find_layers(rng: np.random.Generator, grid: Grid, head: Head) -> Layers:
    """Scalp, skull, skull base and face around the brain."""
    x, y, z = head.place_mm
    patches = random_field(rng, grid, 9)
    wide = random_field(rng, grid, 35)
    depth = -head.skin_mm
    brain = smoothstep(head.t1, 0.06, 0.22)
    inside = smoothstep(depth, -0.3, 0.7)

    fat_mm = np.clip(rng.uniform(4.5, 7.5) + 1.2 * wide, 2.5, 10.0)
    scalp = smoothstep(depth, 0.4, 1.6) * smoothstep(depth - fat_mm, 0.8, -0.8)
    marrow_mm = 4.5 + 0.8 * wide
    marrow = smoothstep(np.abs(head.hull_mm - marrow_mm), 1.3, 0.4) * smoothstep(patches, -0.8, 0.6)
    face = smoothstep(head.hull_mm, 6.5, 9.5) * smoothstep(depth - fat_mm, 0.0, 1.5)
    base = smoothstep(z, -22, -34) * smoothstep(y, -60, -45) * smoothstep(head.hull_mm, 0.5, 3.0)
    face = np.maximum(face, base)
    tissue = 0.7 * patches + 0.6 * random_field(rng, grid, 18) + 0.55 * random_field(rng, grid, 4)
    face_fat = face * smoothstep(tissue, 0.35, 1.3)
    face_muscle = face * smoothstep(tissue, -0.9, -0.3) * (1 - face_fat)

    nasal = smoothstep((x / 15) ** 2 + ((y - 66) / 27) ** 2 + ((z + 46) / 24) ** 2, 1.1, 0.8)
    mastoid = sum(
        smoothstep(((x - s * 54) / 14) ** 2 + ((y + 28) / 18) ** 2 + ((z + 42) / 13) ** 2, 1.2, 0.7)
        for s in (-1, 1)
    )
    air = np.clip(nasal + mastoid, 0, 1) * (1 - brain)
    mucosa = nasal * smoothstep(np.abs(random_field(rng, grid, 8)), 0.35, 0.15)
    globe = [
        ((x - s * 32) / 12.5) ** 2 + ((y - 62) / 12.5) ** 2 + ((z + 37) / 12.5) ** 2
        for s in (-1, 1)
    ]
    eye = sum(smoothstep(one, 1.1, 0.9) for one in globe)
    orbit = sum(smoothstep(one, 3.4, 2.4) for one in globe)
    orbit = np.clip(orbit, 0, 1) * (1 - brain)
    eye = np.clip(eye, 0, 1) * (1 - brain)

    outside = (1 - brain) * inside
    fat = np.maximum.reduce([scalp, 0.6 * marrow, face_fat, orbit]) * (1 - air)
    skin = smoothstep(depth, -0.3, 0.5) * smoothstep(depth, 1.8, 0.6)
    muscle = np.maximum(face_muscle, skin) * (1 - air) * (1 - fat)
    fluid = outside * smoothstep(head.hull_mm, 1.6, 0.4)
    return Layers(
        fat=fat * outside * (1 - fluid) * (1 - eye),
        muscle=muscle * outside * (1 - fluid) * (1 - eye),
        bone=outside * (1 - fluid) * (1 - fat) * (1 - muscle) * (1 - eye),
        fluid=fluid * (1 - eye),
        eye=eye * inside,
        brain=brain,
        mucosa=mucosa * outside,
    )


def _vessels(rng: np.random.Generator, grid: Grid, head: Head) -> Array:
    """Share of contrast-filled vessel: superior sagittal sinus, dura, cortical veins."""
    x, y, z = head.place_mm
    sinus = smoothstep(np.abs(x), 5.5, 0.5) * smoothstep(np.abs(head.hull_mm), 3.5, 1.5)
    sinus *= np.maximum(smoothstep(y, -55, -70), smoothstep(z, 40, 52))
    first, second = random_field(rng, grid, 11), random_field(rng, grid, 11)
    tubes = smoothstep(np.sqrt(first**2 + second**2), 0.22, 0.08)
    cortical = tubes * smoothstep(head.hull_mm, -16, -3) * smoothstep(head.hull_mm, 2.0, 0.0)
    dura = 0.3 * smoothstep(np.abs(head.hull_mm - 1.0), 1.2, 0.3)
    share: Array = np.maximum.reduce([sinus, 0.8 * cortical, dura])
    return share


def _caps(rng: np.random.Generator, head: Head) -> Array:
    """Brightness of the ventricles' caps and white-matter spots on FLAIR: not part of a lesion."""
    from scipy.ndimage import gaussian_filter

    x, y, z = head.place_mm
    deep = smoothstep(head.hull_mm, -18, -28) * smoothstep(np.abs(x), 45, 35)
    ventricle = deep * np.clip(1 - head.gm - head.wm, 0, 1) * smoothstep(z, -14, -4)
    around = gaussian_filter(ventricle, (0, 3.0, 3.0))
    horns = smoothstep(np.abs(y + 12), 18, 34)
    caps: Array = rng.uniform(0.4, 1.6) * around * head.wm * (0.35 + horns)
    return caps


def render(
    rng: np.random.Generator, grid: Grid, head: Head, lesion: Lesion
) -> tuple[Array, Array, Array]:
    """The three noiseless channels in grey levels, each (slices, rows, columns), 0 outside."""
    layers = find_layers(rng, grid, head)
    fluid = np.clip(1 - head.gm - head.wm, 0, 1)
    grain = random_field(rng, grid, 5)

    # T1: the template's own contrast, steeper or flatter from scanner to scanner.
    white = rng.uniform(58, 76)
    t1_brain = white * np.clip(head.t1, 0, None) ** rng.uniform(0.8, 1.3) * (1 + 0.012 * grain)
    white_flair = rng.uniform(52, 68)
    grey_flair = white_flair * rng.uniform(1.12, 1.32)
    flair_brain = white_flair * head.wm + grey_flair * head.gm + 9 * fluid
    flair_brain *= 1 + 0.25 * (head.t1 - 0.8) * head.gm + 0.03 * grain
    flair_brain += white_flair * _caps(rng, head)
    spots = smoothstep(random_field(rng, grid, 7), 2.9, 3.5) * smoothstep(head.wm, 0.7, 0.95)
    flair_brain += 0.5 * white_flair * spots

    # Bright on FLAIR, dark on T1, sometimes with an enhancing rim or nodule.
    uneven = 1 + 0.10 * random_field(rng, grid, 12) + 0.03 * grain
    core = smoothstep(lesion.depth, 0.7, 0.1)
    bright = grey_flair * rng.uniform(1.2, 1.75) * uneven * (1 + rng.uniform(-0.25, 0.15) * core)
    flair_brain = _blend(flair_brain, bright, lesion.share)
    dark = white * rng.uniform(0.55, 0.85) * uneven
    t1_brain = _blend(t1_brain, dark, lesion.share)
    enhancing = rng.uniform(0.0, 0.9) * (rng.random() < 0.45)
    rim = smoothstep(np.abs(lesion.depth - rng.uniform(0.45, 0.8)), 0.16, 0.05)
    rim *= smoothstep(random_field(rng, grid, 16), -0.4, 0.6) * lesion.share

    fat = rng.uniform([150, 100, 70], [215, 150, 200])
    muscle = rng.uniform([42, 34, 55], [60, 55, 80])
    fat_texture = 1 + 0.10 * random_field(rng, grid, 12)
    mixes = []
    for channel, brain, water in ((0, t1_brain, 20.0), (1, flair_brain, 10.0), (2, t1_brain, 21.0)):
        mixed = brain * layers.brain + BONE * layers.bone + water * layers.fluid
        mixed += fat[channel] * fat_texture * layers.fat + muscle[channel] * layers.muscle
        mixed += (22.0 if channel != 1 else 12.0) * layers.eye
        mixed += (45.0, 80.0, 150.0)[channel] * layers.mucosa
        mixes.append(mixed)
    vessel = _vessels(rng, grid, head) * rng.uniform(0.6, 1.0)
    mixes[2] = _blend(mixes[2], np.full_like(vessel, 2.1 * white), vessel)
    mixes[2] += 1.1 * white * enhancing * rim
    return mixes[0], mixes[1], mixes[2]


def acquire(
    rng: np.random.Generator, grid: Grid, channel: Array, inside: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """Blur, receiver bias and Rician noise, then whole grey levels; 0 outside the head.

    Noise: the magnitude of a complex signal with normal noise in both parts (Gudbjartsson and
    Patz, Magnetic Resonance in Medicine 34 (1995) 910).
    """
    from scipy.ndimage import gaussian_filter

    blur = rng.uniform(0.4, 0.8)
    bias = 1 + 0.09 * random_field(rng, grid, 90) + 0.03 * random_field(rng, grid, 45)
    signal = gaussian_filter(channel, (0, blur, blur)) * np.clip(bias, 0.6, 1.4)
    sigma = rng.uniform(1.2, 2.6)
    real, imaginary = (sigma * _correlated(rng, grid.shape) for _ in range(2))
    magnitude = np.sqrt((signal + real) ** 2 + imaginary**2)
    levels = np.clip(np.rint(magnitude), 0, 255).astype(np.uint8)
    return np.where(inside, levels, np.uint8(0))


def _correlated(rng: np.random.Generator, shape: tuple[int, int, int]) -> Array:
    """Normal noise whose neighbours go together a little, as after resampling; deviation 1."""
    slices, rows, columns = shape
    white = rng.standard_normal((slices, rows + 1, columns + 1))
    share = 0.3
    rowwise = (1 - share) * white[:, 1:] + share * white[:, :-1]
    both: Array = (1 - share) * rowwise[:, :, 1:] + share * rowwise[:, :, :-1]
    return both / ((1 - share) ** 2 + share**2)
