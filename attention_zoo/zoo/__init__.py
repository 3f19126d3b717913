"""Trained models by name, each with a card; `FocusClassifier.from_preset` loads one.

az.zoo.list()
print(az.zoo.card("sdc_digits_hybrid").markdown())
model = az.FocusClassifier.from_preset("sdc_digits_hybrid")
az.zoo.upload_preset("presets/mine", "hf://user/name")
"""

from attention_zoo.zoo.card import Card
from attention_zoo.zoo.preset import card, upload_preset
from attention_zoo.zoo.preset import preset_names as list

__all__ = ["Card", "card", "list", "upload_preset"]
