"""PCM samples as they travel: s16le or f32le, mono."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .errors import BridgeError

Encoding = Literal["s16le", "f32le"]
Samples: TypeAlias = NDArray[np.float32]

SAMPLE_BYTES: Final[dict[Encoding, int]] = {"s16le": 2, "f32le": 4}
# Full scale is 1. A louder float signal is legal after mixing, a far louder one is integers sent as floats.
LOUDEST_FLOAT: Final = 8.0


def decode(payload: bytes | memoryview, encoding: Encoding) -> Samples:
    """Samples in ±1 from little-endian bytes, whose length the caller has checked."""
    if encoding == "s16le":
        samples: Samples = np.frombuffer(payload, "<i2").astype(np.float32)
        samples *= np.float32(1 / 32768)
        return samples
    return checked(np.frombuffer(payload, "<f4").astype(np.float32))


def checked(samples: Samples) -> Samples:
    """The same samples, once each is known to be finite and within ±8."""
    # NaN makes the comparison false, so one pass finds NaN, infinity and loudness.
    if samples.size and not float(np.abs(samples).max()) <= LOUDEST_FLOAT:
        raise BridgeError(
            "BAD_REQUEST", "a sample is not a finite number within ±8; float samples are expected within ±1"
        )
    return samples
