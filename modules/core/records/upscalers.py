"""Upscalers that need no file, by A1111's names. The catalog knows the others (`catalog.scan.Library.upscalers`)."""

LATENT_UPSCALERS = ("Latent", "Latent (antialiased)", "Latent (bicubic)", "Latent (bicubic antialiased)", "Latent (nearest)", "Latent (nearest-exact)")
IMAGE_UPSCALERS = ("None", "Lanczos", "Nearest")
HIRES_UPSCALERS = (*LATENT_UPSCALERS, *IMAGE_UPSCALERS)
"""What the second pass of a hires fix may grow by."""
