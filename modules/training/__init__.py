"""Data -> weights: LoRAs, textual inversions, whole UNets and autoencoders, trained by one loop (`loop`). Knows no engine: what draws sample pictures is handed over."""
