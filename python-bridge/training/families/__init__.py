"""All families of made sounds, by name."""

from families import handled, motors, signals, voices, water
from families.recipe import FAMILIES, RECIPE_SIZE, Family

__all__ = ["FAMILIES", "RECIPE_SIZE", "Family", "handled", "motors", "signals", "voices", "water"]
