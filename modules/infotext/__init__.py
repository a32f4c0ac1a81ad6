"""What a picture says about how it was made: writing it, finding it in a file, and turning it into a request again. No torch."""
