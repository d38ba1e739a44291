"""Procedural sounds for what recordings lack: motors, water, pans, appliances, coughs, beeps.

Each family is a function from a *recipe* (a point in the unit cube) and a random generator to
samples. A recipe says what stays the same between two hearings (the motor's speed, the pan's
crackle); the generator fills in what never repeats. Variants of one recipe are the recipe moved a
little and played again, so a pair of variants is one sound heard twice.

`patches` are different: random synthesiser patches that resemble nothing, each its own class.
Telling many such near neighbours apart teaches what names never could.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

import numpy as np

from corpus import SAMPLE_RATE, Clip
from dsp import Array, band, between, seconds
from families import FAMILIES, RECIPE_SIZE

VARIANTS, VARIANT_SECONDS = 3, 1.8


def patch(r: Array, rng: np.random.Generator, n: int) -> Array:
    """A random little synthesiser: two oscillators, noise, a filter and two modulations."""
    t = seconds(n)
    base = between(r[0], 40, 3500)
    modulation = np.sin(2 * np.pi * between(r[1], 0.5, 60) * t + rng.uniform(0, 6))
    pitch = base * 2 ** ((0.7 * r[2] ** 3) * modulation + (r[3] - 0.5) * 1.2 * t)
    index = between(r[4], 0.01, 6)
    turn = 2 * np.pi * np.cumsum(np.clip(pitch, 20, 7600)) / SAMPLE_RATE
    tone = np.sin(turn + index * np.sin(turn * (0.25 + 4 * r[5])))
    hiss = band(rng.standard_normal(n), between(r[6], 60, 3000), between(r[6], 60, 3000) * between(r[7], 1.2, 12))
    sound = (1 - r[8]) * tone + r[8] * hiss / (hiss.std() + 1e-9)
    if r[9] < 0.35:
        rate = between(r[9] / 0.35, 1.5, 25)
        phase = (t * rate + rng.uniform(0, 1)) % 1.0
        envelope = np.exp(-phase / rate / between(r[10], 0.01, 0.4))
    elif r[9] < 0.65:
        envelope = np.exp(-t / between(r[10], 0.03, 1.0)) * np.minimum(1, t / between(r[11], 0.001, 0.2))
    else:
        envelope = 1 + 0.9 * r[10] * np.sin(2 * np.pi * between(r[11], 0.5, 40) * t + rng.uniform(0, 6))
    return sound * envelope + 1e-4 * rng.standard_normal(n)


def variant_of(recipe: Array, rng: np.random.Generator, step: float) -> Array:
    return np.clip(recipe + step * rng.standard_normal(len(recipe)), 0, 1)


def synthetic_clips(seed: int, recipes: int = 240, patches: int = 6000) -> Iterator[Clip]:
    """Every family in many recipes, then the patches, made by all cores.

    Half of the recipes go by the family's name (any fan is a fan), half by a name of their own (this
    very fan): a memory has to do both. The body's seed (the last number of a recipe) is kept. Names
    begin with `made_`, so that a made rain is neither pulled to recorded rain nor pushed from it.
    """
    tasks = [(seed, name, i) for name in FAMILIES for i in range(recipes)]
    tasks += [(seed, "patch", i) for i in range(patches)]
    with ProcessPoolExecutor() as pool:
        for clips in pool.map(variants, tasks, chunksize=32):
            yield from clips


def variants(task: tuple[int, str, int]) -> list[Clip]:
    """One recipe, heard a few times."""
    seed, name, i = task
    rng = np.random.default_rng((seed, *name.encode(), i))
    recipe = rng.random(RECIPE_SIZE)
    generate, step, label, kept = patch, 0.03, f"patch_{i}", RECIPE_SIZE
    if name != "patch":
        generate, step, kept = FAMILIES[name], 0.035, RECIPE_SIZE - 1
        label = f"made_{name}" if i % 2 == 0 else f"made_{name}_recipe_{i}"
    clips = []
    for _ in range(VARIANTS):
        moved = variant_of(recipe, rng, step)
        moved[kept:] = recipe[kept:]
        samples = generate(moved, rng, int(VARIANT_SECONDS * SAMPLE_RATE)).astype(np.float32)
        clips.append(Clip(samples, label, f"synthesis/{name}/{i}", "synthetic", "synthesis"))
    return clips
