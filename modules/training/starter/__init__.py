"""The model that comes with Easel, from public pictures to weights: scenes are composed of cut-outs, and autoencoder, text encoder and UNet learn from them.

`python launch.py train starter` runs it (`command`); `docs/decisions` tells why it is as it is.
"""
